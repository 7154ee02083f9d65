"""The real pages in front of a made-up computer, for browser tests and for looking at by hand.

    python -m tests.browser.page_app [port]     then open http://127.0.0.1:PORT/?scene=busy in a browser

The last word of a message tells the fake model what to do: `slow`, `forever`, `queue`, `refuse`, `full`, `nobody`,
`pinned`, `break`, `cut`, `think`, `hostile`; anything else is answered with Markdown.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from batuta.catalog.records import ProviderState
from batuta.catalog.usage_store import UsageRow
from batuta.chat import sse
from batuta.clock import SystemClock
from batuta.observe.events import CatalogChanged, Swapped
from batuta.usage.cost import NANO
from batuta.usage.days import Days, span
from batuta.web.routes import manage_usage, pages, usage_page
from tests.browser.payloads import PAYLOADS
from tests.unit.web.pages_support import GB, FakeServices, every_state, external, forecast, one_device, server, view

ANSWER = """A baton keeps an orchestra together by saying **when**, not *how*. Three things follow:

1. Everybody sees the same beat.
2. Nobody has to watch everybody else.
3. A late entry is corrected in one bar.

| Tempo | Beats a minute | Feels like |
|:--|--:|:--|
| Adagio | 66 | a slow walk |
| Andante | 92 | a walk |
| Presto | 184 | running |

The interval between two beats, in code:

```python
def interval(beats_per_minute: float) -> float:
    \"\"\"Return the seconds between two beats.\"\"\"
    return 60 / beats_per_minute  # presto: 0.33 s
```

> A conductor makes no sound, and everything depends on the gesture.

See `interval(92)` for a walking pace.
"""
ANSWERING = "qwen3.5-9b"


def words_of(text: str, size: int = 4) -> Iterator[str]:
    """Cut a text into pieces as small as tokens."""
    return iter(text[start : start + size] for start in range(0, len(text), size))


def delta(**fields: Any) -> bytes:
    """Return one event of a streamed answer."""
    return sse.encode(orjson.dumps({"model": ANSWERING, "choices": [{"index": 0, "delta": fields}]}))


def note(**fields: Any) -> bytes:
    """Return one of Batuta's comments."""
    return sse.comment("batuta " + orjson.dumps(fields).decode())


async def write(text: str, *, pause: float = 0.004) -> AsyncIterator[bytes]:
    """Stream a text and its end."""
    for piece in words_of(text):
        yield delta(content=piece)
        await asyncio.sleep(pause)
    yield sse.encode(
        orjson.dumps({"model": ANSWERING, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    )
    yield sse.encode(orjson.dumps({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 172}}))
    yield sse.encode("[DONE]")


async def slow() -> AsyncIterator[bytes]:
    """Load for a second, then answer in another model's place."""
    yield note(stage="queued", model="devstral-small", position=2)
    await asyncio.sleep(0.1)
    for percent in range(5, 101, 5):
        left = 1.2 * (1 - percent / 100)
        yield note(stage="reading", fraction=percent / 100, model="devstral-small", elapsed_s=0.1, remaining_s=left)
        await asyncio.sleep(0.05)
    yield note(stage="warming", model="devstral-small", elapsed_s=1.2)
    await asyncio.sleep(0.1)
    yield note(model=ANSWERING, route="auto: code -> executor", fallback=["devstral-small, out_of_memory"])
    async for event in write(ANSWER):
        yield event


async def forever() -> AsyncIterator[bytes]:
    """Load and load."""
    for second in itertools.count():
        yield note(stage="reading", fraction=0.61, model="devstral-small", elapsed_s=8.0 + second / 5, remaining_s=5.0)
        await asyncio.sleep(0.2)


async def broken() -> AsyncIterator[bytes]:
    """Stop in the middle with an error."""
    for piece in words_of(ANSWER[:150]):
        yield delta(content=piece)
    error = {"message": "the answer of devstral-small stopped in the middle", "code": "stream_broken", "type": "x"}
    yield sse.encode(orjson.dumps({"error": {**error, "model": "devstral-small", "cause": "crash"}}))


async def queued() -> AsyncIterator[bytes]:
    """Wait for another model's answer to end; the notes say only that it waits."""
    while True:
        yield note(stage="queued", model="big-b")
        await asyncio.sleep(0.2)


async def cut() -> AsyncIterator[bytes]:
    """Stop in the middle, and say so as a program would."""
    yield delta(content="A baton")
    said = "127.0.0.1:42705 broke its answer off."
    error = {"message": said, "code": "stream_broken", "type": "x", "model": ANSWERING, "cause": "unknown"}
    yield sse.encode(orjson.dumps({"error": error}))


async def thinking() -> AsyncIterator[bytes]:
    """Think, then speak."""
    for piece in words_of("The user asks about batons. A short answer is best; three points, one table."):
        yield delta(reasoning_content=piece)
        await asyncio.sleep(0.005)
    async for event in write("Because the *beat* is shared."):
        yield event


SCRIPTS: dict[str, Callable[[], AsyncIterator[bytes]]] = {
    "slow": slow,
    "forever": forever,
    "queue": queued,
    "break": broken,
    "cut": cut,
    "think": thinking,
    "hostile": lambda: write("\n\n".join(PAYLOADS), pause=0),
}
REFUSAL = {
    "message": "devstral-small needs 15.2 GB, and the memory budget is 14.5 GB: it cannot be loaded here.",
    "type": "server_error",
    "code": "no_fit",
    "param": None,
    "model": "devstral-small",
    "cause": "out_of_memory",
    "suggestion": ANSWERING,
}
FULL = {
    "message": "127.0.0.1:41685 rejected the request (HTTP 400): request (8231 tokens) exceeds the available context "
    "size (8192 tokens), try increasing it",
    "code": "upstream_rejected",
    "model": ANSWERING,
}
NOBODY = {"message": "no model can answer for 'auto'", "code": "model_not_found", "model": "auto"}
PINNED = {
    "message": "devstral-small cannot be loaded now",
    "code": "no_fit",
    "model": "devstral-small",
    "cause": "out_of_memory",
    "details": {"pinned_by": [ANSWERING]},
}
REFUSALS = {"refuse": (503, REFUSAL), "full": (400, FULL), "nobody": (404, NOBODY), "pinned": (503, PINNED)}


class MadeUpUsage:
    """A month of two models, one of which nobody knows the price of."""

    days = Days()
    today = "2026-11-21"

    async def rows(self, first: str) -> list[UsageRow]:
        """Return the sums from a day on."""
        asked = {"requests": 9, "prompt_tokens": 120_000, "completion_tokens": 9000, "first_2": 9}
        priced, unpriced = asked | {"cost": NANO // 4}, asked | {"unpriced": 9}
        return [
            UsageRow(day, provider, f"{provider}/a-model-with-quite-a-long-name-20261121", provider, sums)
            for day in span("2026-11-01", self.today)
            for provider, sums in (("openai", priced), ("openrouter", unpriced))
            if day >= first
        ]


class PageApp:
    """The pages and just enough behind them. `services` is what they show; `calls` is what they asked for."""

    def __init__(self) -> None:
        self.services = FakeServices(models=every_state(), clock=SystemClock())
        self.calls: list[tuple[str, str, Any]] = []
        self.looks = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.app = FastAPI()
        fakes: Any = self.services
        self.app.include_router(
            pages.router(fakes, models=lambda services: services.models, memory=lambda services: services.devices)
        )
        self.app.include_router(usage_page.router(MadeUpUsage()))
        self.app.include_router(manage_usage.router(MadeUpUsage()))
        self.app.add_api_route("/v1/chat/completions", self.chat, methods=["POST"])
        self.app.add_api_route("/manage/models/{model_id:path}/alternative", self.alternative, methods=["GET"])
        self.app.add_api_route("/manage/models", self.looked_again, methods=["GET"])
        self.app.add_api_route("/manage/{path:path}", self.manage, methods=["POST", "PATCH", "DELETE"])
        self.app.add_api_route("/scene/{name}", self.scene, methods=["POST"])

    async def chat(self, request: Request) -> Response:
        """Answer as the last word of the message says."""
        body = await request.json()
        self.calls.append(("POST", "/v1/chat/completions", body))
        wish = body["messages"][-1]["content"].split()[-1].strip(".?!")
        if wish in REFUSALS:
            status, error = REFUSALS[wish]
            return JSONResponse({"error": error}, status_code=status, headers={"retry-after": "30"})
        headers = {"x-batuta-model": ANSWERING, "x-batuta-route": "auto: conversation -> brain"}
        stream = SCRIPTS[wish]() if wish in SCRIPTS else write(ANSWER)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers if wish != "slow" else {})

    async def alternative(self, model_id: str) -> Response:
        """Name the model that could answer instead."""
        return JSONResponse({"model": ANSWERING, "reason": f"{model_id} is not ready, this one is"})

    async def looked_again(self) -> Response:
        """Pretend to look around: a page asks for that when somebody comes back to it."""
        self.looks += 1
        return JSONResponse({"models": [], "devices": []})

    async def manage(self, request: Request, path: str) -> Response:
        """Note what was asked, and load at once what is to be loaded."""
        self.calls.append((request.method, path, await request.json() if await request.body() else None))
        if path == "providers":
            is_online = "23999" not in self.calls[-1][2]["base_url"]
            return JSONResponse(
                {"id": self.calls[-1][2]["id"], "is_online": is_online, "message": "refused"}, status_code=201
            )
        return JSONResponse({}, status_code=202)

    async def scene(self, name: str) -> Response:
        """Change the made-up computer: empty | busy | first | progress | ready | odd."""
        self.show(name)
        return Response(status_code=204)

    def show(self, name: str) -> None:
        """Set a scene and tell the pages."""
        services = self.services
        services.catalog.found, services.catalog.servers = [], []
        if name == "empty":
            services.models, services.devices = [], []
            services.catalog.found = [
                ("/home/ana/models/half.gguf", "the file ends after 0.4 of 2.0 GB; copy it again")
            ]
        elif name == "first":
            services.models = [
                view("tiny-starter", "loading", progress=0.2, stage="reading", memory_bytes={"needed": GB})
            ]
        elif name == "progress":
            services.models[1]["progress"] = min(1.0, services.models[1]["progress"] + 0.2)
        elif name == "ready":
            services.models[1] |= {"state": "ready", "stage": None, "progress": None, "in_flight": 1}
        elif name == "odd":
            services.models, services.devices = odd_models(), one_device()
            services.catalog.servers = odd_servers()
        elif name == "later":  # of `odd`: the answer that is waited for is nearly through
            later = ({**BEHIND_BIG_A[0], "seconds": 2.0}, *BEHIND_BIG_A[1:])
            services.models = [
                model | {"forecast": forecast(*later)} if model["id"] == "big-b" else model for model in odd_models()
            ]
        else:
            services.models, services.devices = every_state(), one_device()
        for model in services.models:
            model["retry_at"] = services.clock.wall() + 30 if model["state"] == "failed" else None
        if self.loop is not None:  # the tests change scenes from their own thread
            self.loop.call_soon_threadsafe(services.bus.publish, CatalogChanged(changed=("all",)))

    def swap(self) -> None:
        """Let one model leave for another."""
        swapped = Swapped("big-b", ("big-a",), 9 * GB, 6.1, drain_s=2.0, unload_s=0.4, load_s=3.7)
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.services.bus.publish, swapped)


BEHIND_BIG_A = (
    {"kind": "finish", "model": "big-a", "answers": 1, "seconds": 6.0},
    {"kind": "unload", "model": "big-a", "seconds": 0.4},
    {"kind": "load", "model": "big-b", "seconds": 4.6},
)


def odd_models() -> list[dict[str, Any]]:
    """Return two models of one name, a queue behind an answer, a pinned obstacle, a dead server and a deleted file."""
    return [
        view("UPPER", "ready", name="tiny", pinned=True),
        view("lower", name="tiny"),
        view("big-a", "draining", in_flight=1),
        view("big-b", stage="queued", waiting=1, waits_for=["big-a"], forecast=forecast(*BEHIND_BIG_A)),
        view("huge", fits="never", pinned_by=["UPPER"]),
        view("bad", "failed", cause="corrupt_file", error="the file ends after 1.2 of 4.3 GB"),
        external("ollama/gemma", "ollama", cause="engine_offline", error="127.0.0.1:23100 refused the connection"),
        view("deleted", is_present=False, cause="not_installed", error="its file is gone"),
    ]


def odd_servers() -> list[ProviderState]:
    """Return a server with a wrong address and one that answers."""
    return [
        server("ollama", is_online=False, message="127.0.0.1:23100 refused the connection; is it running?"),
        server("studio", source="builtin", is_online=True),
    ]


@contextmanager
def serving(page_app: PageApp, port: int = 0) -> Iterator[str]:
    """Serve in a thread; yield the address."""
    config = uvicorn.Config(
        page_app.app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        page_app.loop = asyncio.get_running_loop()
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="page app")
    thread.start()
    pause = threading.Event()
    while not server.started and thread.is_alive():
        pause.wait(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        page_app.loop = None


if __name__ == "__main__":
    with serving(PageApp(), int(sys.argv[1]) if sys.argv[1:] else 0) as address:
        print(address, flush=True)  # noqa: T201  # run by hand
        threading.Event().wait()
