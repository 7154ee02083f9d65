"""A fake llama-server, alone with one model or as a router, with the habits of several builds.

`python -m batuta.testing.llama_server --port 8080 --router` runs it by hand. What it imitates, and what of that was
measured, is in docs/reference/engines/llama-server.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Self

import orjson
from aiohttp import web

from batuta.tasks import Tasks
from batuta.testing.llama_server.answers import EVENT_STREAM, Speaker, event, send_events
from batuta.testing.llama_server.children import Child, ChildError, Children, Ended, habits_of
from batuta.testing.llama_server.rows import (
    Body,
    Refusal,
    metrics,
    refusal,
    router_list,
    router_props,
    single_list,
    single_props,
    slot_list,
)
from batuta.testing.local_server import GIB, FakeModel, Handler, LocalServer, MemoryPool

LOADING = "Loading model"
NEWEST = 11549

Whole = Callable[[Child, Body], Awaitable[Body]]
Events = Callable[[Child, Body], AsyncIterator[bytes]]


def usual_models() -> list[FakeModel]:
    """Return what a fake router has when nobody says otherwise; a fake with one model has the first."""
    return [
        FakeModel("ggml-org/Qwen3-4B-GGUF:Q4_K_M", size=3 * GIB, details={"aliases": ("qwen3",), "embeds": True}),
        FakeModel("gemma-3-12b-it", size=8 * GIB, details={"vision": True, "stages": ("text_model", "mmproj_model")}),
        FakeModel("nomic-embed-text", size=GIB // 8, context=2048, is_embedding=True),
    ]


class FakeLlamaServer(LocalServer):
    """The server.

    Args:
        models: what it has; `usual_models()` when None. Without `is_router` it is started with the first.
        is_router: it loads and unloads.
        build: whose habits it has (see `llama_server_children.BUILDS`).
        port: 0 picks a free one.
        memory: the device; 16 GiB when None.
        key: demanded as a bearer token by all but `/health`.
        most: models a router holds at once; 0: any number.
        autoload: a router loads what a request names, unless the request forbids it.
        slots: answers a model gives at once; others wait.
        has_slots: `/slots` is on.
        saves_slots: there is a folder to save slots in.
        token_s: seconds before each word.
        stop_s: seconds a model's process takes to end.
        offered: what can be downloaded.
    """

    name = "llama-server"
    default_port = 8080

    def __init__(
        self,
        models: Sequence[FakeModel] | None = None,
        *,
        is_router: bool = False,
        build: int = NEWEST,
        port: int = 0,
        memory: MemoryPool | None = None,
        key: str | None = None,
        most: int = 4,
        autoload: bool = True,
        slots: int = 4,
        has_slots: bool = True,
        saves_slots: bool = True,
        token_s: float = 0.0,
        stop_s: float = 0.0,
        offered: Sequence[FakeModel] = (),
    ) -> None:
        super().__init__(port=port, memory=memory, key=key)
        self.is_router = is_router
        self.habits = habits_of(build)
        self.build_info = f"b{build}-fa4e5e4"
        self.autoload = autoload
        self.slots = slots
        self.has_slots = has_slots
        self.saves_slots = saves_slots
        self.offered = {model.name: model for model in offered}
        self.bodies: list[tuple[str, Body]] = []
        self.queries: list[tuple[str, str]] = []  # (path, query) of each request for an answer
        self.speaker = Speaker(build_info=self.build_info, token_s=token_s, echoes_name=self.habits.echoes_name)
        there = list(usual_models() if models is None else models)
        self.children = Children(
            there if is_router else there[:1],
            self.memory,
            self.habits,
            most=most if is_router else 0,
            broadcast=self._broadcast,
            stop_s=stop_s,
        )
        self._saved: dict[str, int] = {}
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._tasks = Tasks(lambda _name, _error: None)
        for child in self.children.all.values():
            child.slots = asyncio.Semaphore(slots)

    @property
    def child(self) -> Child:
        """The one model of a server that has one."""
        return next(iter(self.children.all.values()))

    @property
    def listeners(self) -> int:
        """How many follow the events."""
        return len(self._listeners)

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """Return the routes of the mode."""
        both: list[tuple[str, str, Handler]] = [
            *(("GET", path, self._models) for path in ("/models", "/v1/models")),
            ("GET", "/props", self._props),
            ("GET", "/slots", self._slots),
            ("POST", "/slots/{slot}", self._slot_action),
            ("GET", "/metrics", self._metrics),
            ("POST", "/tokenize", self._tokenize),
            *(("POST", path, self._chat) for path in ("/chat/completions", "/v1/chat/completions")),
            ("POST", "/v1/completions", self._complete),
            *(("POST", path, self._embed) for path in ("/embeddings", "/v1/embeddings")),
        ]
        if self.is_router:
            both += [
                ("POST", "/models/load", self._load),
                ("POST", "/models/unload", self._unload),
                ("POST", "/models", self._download),
                ("DELETE", "/models", self._remove),
            ]
            if self.habits.has_events:
                both.append(("GET", "/models/sse", self._events))
        guarded = [(method, path, self._guarded(handler)) for method, path, handler in both]
        return [*(("GET", path, self._health) for path in ("/health", "/v1/health")), *guarded]

    async def unknown(self, _request: web.Request) -> web.StreamResponse:
        """Answer as llama-server does."""
        return refusal(404, "File Not Found")

    async def start(self) -> Self:
        """Listen at once; a server of one model begins to load it."""
        await super().start()
        if not self.is_router:
            await self.children.start(self.child)
        return self

    async def stop(self) -> None:
        """Close the port; everything leaves memory."""
        await super().stop()
        await self._tasks.aclose()
        self._tasks = Tasks(lambda _name, _error: None)
        await self.children.aclose()

    # What a test does to it ---------------------------------------------------------------------------------------

    async def ready(self, name: str = "") -> None:
        """Wait until the model that is on its way in is there, or has failed."""
        child = self.children.find(name) if name else self.child
        if child is not None and child.status == "loading":
            await child.settled.wait()

    def crash(self, name: str, code: int = 139) -> None:
        """End a model's process, as a fault does; alone, the server goes with it."""
        child = self.children.find(name)
        assert child is not None, f"no model {name}"
        self.children.end(child, code)
        if not self.is_router:
            self._tasks.start(LocalServer.stop(self), name="fake crash")

    # The door -----------------------------------------------------------------------------------------------------

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self.key is not None and not hmac.compare_digest(self.key.encode(), given.encode()):
                return refusal(401, "Invalid API Key")
            if not self.is_router and self.child.status == "loading" and not self._is_open(request):
                return refusal(503, LOADING)
            try:
                return await handler(request)
            except Refusal as error:
                return refusal(error.status, str(error))
            except ChildError as error:
                return refusal(500, str(error))
            except Ended:
                return self._dead(request)

        return guarded

    def _is_open(self, request: web.Request) -> bool:
        return self.habits.lists_while_loading and request.path in {"/models", "/v1/models"}

    def _dead(self, request: web.Request) -> web.StreamResponse:
        """Answer for a process that is gone."""
        if self.is_router:
            body = "proxy error: Could not establish connection"
            return web.Response(status=500, text=body, content_type="application/json")
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        if not self.is_router and self.child.status == "loading":
            return refusal(503, LOADING)
        return web.json_response({"status": "ok"})

    async def _body(self, request: web.Request) -> Body:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise Refusal(500, f"[json.exception.parse_error.101] {error}") from None
        if not isinstance(body, dict):
            raise Refusal(400, "the body must be an object")
        self.bodies.append((request.path, body))
        return body

    # Looking ------------------------------------------------------------------------------------------------------

    async def _models(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(router_list(self.children) if self.is_router else single_list(self.child))

    async def _props(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("model", "")
        if self.is_router and not name:
            return web.json_response(router_props(self.children, autoload=self.autoload, build_info=self.build_info))
        child = await self._asked(request, name, wakes=False)
        props = single_props(child, self.habits, slots=self.slots, has_slots=self.has_slots, build_info=self.build_info)
        return web.json_response(props)

    async def _slots(self, request: web.Request) -> web.StreamResponse:
        child = await self._asked(request, request.query.get("model", ""))
        if not self.has_slots:
            raise Refusal(501, "This server does not support slots endpoint. Start it with `--slots`")
        if request.query.get("fail_on_no_slot") and child.running >= self.slots:
            raise Refusal(503, "no slot available")
        return web.json_response(slot_list(child, self.slots))

    async def _slot_action(self, request: web.Request) -> web.StreamResponse:
        if not self.saves_slots:
            raise Refusal(501, "This server does not support slots action. Start it with `--slot-save-path`")
        body, action = await self._body(request), request.query.get("action")
        number, filename = int(request.match_info["slot"]), str(body.get("filename", ""))
        if action == "erase":
            return web.json_response({"id_slot": number, "n_erased": 3})
        if not filename or "/" in filename:
            raise Refusal(400, "Invalid filename")
        answer: Body = {"id_slot": number, "filename": filename}
        if action == "save":
            self._saved[filename] = 3
            return web.json_response(answer | {"n_saved": 3, "n_written": 96, "timings": {"save_ms": 0.1}})
        if action == "restore" and filename in self._saved:
            return web.json_response(answer | {"n_restored": 3, "n_read": 96, "timings": {"restore_ms": 0.1}})
        raise Refusal(400, "Unable to restore slot" if action == "restore" else "Invalid action")

    async def _metrics(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=metrics(self.children.all.values()))

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        await self._asked(request, body.get("model", ""))
        return web.json_response({"tokens": list(str(body.get("content", "")).encode())})

    # Answering ----------------------------------------------------------------------------------------------------

    async def _asked(self, request: web.Request, name: Any, *, wakes: bool = True) -> Child:
        """Find who answers: alone, the one model to whatever name; a router's by name, loaded if that is allowed."""
        if not self.is_router:
            child: Child | None = self.child
        else:
            if not isinstance(name, str) or not name:
                raise Refusal(400, "model name is missing from the request")
            child = self.children.find(name)
            if child is None:
                raise Refusal(400, f"model '{name}' not found")
            autoload = request.query.get("autoload", "true" if self.autoload else "false") in {"true", "1"}
            if not child.is_running and not autoload:
                raise Refusal(400, "model is not loaded")
            if not child.is_running:
                await self.children.start(child)
            if autoload:
                await self.ready(child.name)
            if child.status == "unloaded":
                raise Refusal(500, f"model name={child.name} failed to load")
        assert child is not None
        if child.is_dead:
            raise Ended
        if child.status == "loading":
            raise Refusal(503, LOADING)
        if wakes:
            await self.children.wake(child)
        return child

    async def _answer(self, request: web.Request, whole: Whole, events: Events | None = None) -> web.StreamResponse:
        body = await self._body(request)
        self.queries.append((request.path, request.query_string))
        child = await self._asked(request, body.get("model", ""))
        async with child.slots:
            with self.children.using(child):
                if events is not None and body.get("stream"):
                    stream = events(child, body)
                    first = await anext(stream)  # a request that is wrong has its own status
                    return await send_events(request, _chained(first, stream), is_router=self.is_router)
                return web.json_response(await whole(child, body))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.chat, self.speaker.chat_events)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.complete, self.speaker.completion_events)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.embed)

    # The router ---------------------------------------------------------------------------------------------------

    async def _load(self, request: web.Request) -> web.StreamResponse:
        name = (await self._body(request)).get("model", "")
        child = self.children.find(str(name))
        if child is None:
            raise Refusal(404, "model is not found")
        if child.is_running:
            raise Refusal(400, "model is already running")
        await self.children.start(child)
        return web.json_response({"success": True})

    async def _unload(self, request: web.Request) -> web.StreamResponse:
        name = (await self._body(request)).get("model", "")
        child = self.children.find(str(name))
        if child is None:
            raise Refusal(400, "model is not found")
        if not child.is_running and child.status != "downloading":
            raise Refusal(400, "model is not running")
        self.children.stop(child)
        return web.json_response({"success": True})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        name = str((await self._body(request)).get("model", ""))
        model = self.offered.get(name)
        if model is None:
            raise Refusal(400, "model validation failed, unable to download")
        if name in self.children.all:
            raise Refusal(400, f"model '{name}' already exists")
        child = self.children.all[name] = Child(model, source="cache", status="downloading")
        self._tasks.start(self._fetch(child), name=f"fake download of {name}")
        return web.json_response({"success": True})

    async def _fetch(self, child: Child) -> None:
        for part in range(3):
            done = {
                f"https://example.com/{child.name}": {"done": child.model.size * part // 2, "total": child.model.size}
            }
            self._broadcast(
                child.name, "download_progress", {"progress": done} if self.habits.nests_downloads else done
            )
            await asyncio.sleep(child.model.load_s)
        child.status = "unloaded"
        self._broadcast(child.name, "download_finished", None)

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("model", "")
        child = self.children.all.get(name)
        if child is None:
            raise Refusal(500, f"model name={name} is not found")
        if child.source != "cache":
            raise Refusal(500, f"model name={name} is not removable (not from cache)")
        if child.is_running:
            self.children.end(child, 0)
        del self.children.all[name]
        self._broadcast(name, "model_remove", None)
        return web.json_response({"success": True})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send what happens from now on; nothing of what was before."""
        response = web.StreamResponse(headers=EVENT_STREAM)
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                await response.write(await queue.get())
        finally:
            self._listeners.discard(queue)

    def _broadcast(self, model: str, what: str, data: Any) -> None:
        message = event({"model": model, "event": what} | ({} if data is None else {"data": data}))
        for queue in self._listeners:
            queue.put_nowait(message)

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> None:
        """Run by hand until interrupted."""
        parser = argparse.ArgumentParser(
            prog="python -m batuta.testing.llama_server", description="a fake llama-server"
        )
        parser.add_argument("--port", type=int, default=cls.default_port, help="0 picks a free one")
        parser.add_argument("--router", action="store_true", help="load and unload, instead of holding one model")
        parser.add_argument(
            "--build", type=int, default=NEWEST, help="whose habits it has: 3500, 7400, 9500, 9700, 11549"
        )
        parser.add_argument("--most", type=int, default=4, help="models that a router holds at once")
        parser.add_argument("--load-s", type=float, default=3.0, help="seconds a load takes")
        parser.add_argument("--token-ms", type=float, default=40.0, help="wait before each word")
        given = parser.parse_args(arguments)
        models = usual_models()
        for model in models:
            model.load_s = given.load_s

        async def serve() -> None:
            how = {
                "is_router": given.router,
                "build": given.build,
                "most": given.most,
                "token_s": given.token_ms / 1000,
            }
            async with cls(models, port=given.port, **how) as server:
                print(f"{cls.name} {server.build_info} listens on {server.url}", flush=True)  # noqa: T201  # its output
                await asyncio.Event().wait()

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each
