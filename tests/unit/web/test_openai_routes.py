"""The OpenAI dialect's routes: a whole gateway over fake engines, asked as ASGI without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from typing import cast as as_type

import orjson
import pytest
from fastapi import FastAPI

from batuta.catalog.service import Catalog
from batuta.downloads.service import Downloads
from batuta.errors import Cause, UpstreamFailed
from batuta.keys.service import Keys
from batuta.lifecycle.states import ModelState
from batuta.loader.supervisor import LoaderSupervisor
from batuta.observe.events import RequestEnded
from batuta.observe.metrics import Metrics
from batuta.settings import EdgeSettings, QueueSettings, Settings
from batuta.tasks import Tasks
from batuta.testing.playbook import GB, remote, spec
from batuta.usage.recorder import Recorder
from batuta.web.auth import Auth
from batuta.web.disconnect import HOOK, Departure
from batuta.web.dispatch import Dispatcher
from batuta.web.edge import Edge
from batuta.web.errors import install_error_handlers
from batuta.web.routes import openai
from batuta.web.services import Services
from tests.support.asgi import Client, Reply
from tests.unit.gateway.stage import Stage, stage

CHAT = "/v1/chat/completions"
BEAT_S = 0.005  # real seconds to the first heartbeat; the next ones come by the stage's clock


class Shelf:
    """As much of the catalog as the routes read."""

    is_started = True

    def __init__(self, it: Stage) -> None:
        self.specs = lambda: it.specs


class Door:
    """The routes of one stage, and requests to them."""

    def __init__(self, it: Stage, heartbeat_s: float) -> None:
        self.stage = it
        self.tasks = Tasks(lambda *error: it.errors.append(error))
        settings = Settings(edge=EdgeSettings(heartbeat_s=heartbeat_s), queue=QueueSettings(deadline_s=180.0))
        auth = Auth(settings, clock=it.clock)
        self.services = Services(
            settings=settings,
            catalog=as_type("Catalog", Shelf(it)),
            runner=it.runner,
            bus=it.bus,
            supervisor=as_type("LoaderSupervisor", None),
            gateway=it.gateway,
            metrics=Metrics(it.bus),
            auth=auth,
            clock=it.clock,
            tasks=self.tasks,
            downloads=as_type("Downloads", None),
            keys=as_type("Keys", SimpleNamespace(is_read=True)),
            usage=as_type("Recorder", None),
        )
        api = FastAPI()
        install_error_handlers(api)
        api.include_router(openai.router(self.services))
        self.app = Dispatcher(Edge(settings, auth), openai.raw_routes(self.services), api)

    def send(
        self,
        model: str,
        *headers: tuple[bytes, bytes],
        stream: bool = False,
        words: str = "one two",
        extensions: MutableMapping[str, Any] | None = None,
    ) -> tuple[Client, asyncio.Task[Reply]]:
        """Send a chat; it is answered while time passes."""
        body = {"model": model, "messages": [{"role": "user", "content": words}], "stream": stream}
        client = Client(self.app, "POST", CHAT, body)
        client._scope["headers"].extend(headers)  # type: ignore[attr-defined]  # a list of pairs
        client._scope["extensions"] = extensions or {}
        return client, self.tasks.start(client.run(), name="request")

    async def ask(self, model: str, *headers: tuple[bytes, bytes], seconds: float = 60.0, **rest: Any) -> Reply:
        """Send a chat and let time pass until it is answered."""
        _, task = self.send(model, *headers, **rest)
        await self.stage.clock.advance(seconds)
        return await task

    async def get(self, path: str) -> Reply:
        return await Client(self.app, "GET", path).run()


@asynccontextmanager
async def door(*adds: str, heartbeat_s: float = 5.0, **rest: Any) -> AsyncIterator[Door]:
    async with stage(*adds, **rest) as it:
        at = Door(it, heartbeat_s)
        try:
            yield at
        finally:
            await at.tasks.aclose()


async def until(client: Client, word: bytes, times: int = 1) -> bytes:
    """Wait until the client has read a word that often."""
    async with asyncio.timeout(5):
        while client.reply.body.count(word) < times:
            client.changed.clear()
            await client.changed.wait()
    return client.reply.body


def comments(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b": batuta ") for line in body.split(b"\n") if line.startswith(b": batuta ")]
    return [orjson.loads(line) for line in lines]


def events(body: bytes) -> list[bytes]:
    return [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]


# --- who answers -------------------------------------------------------------------------------------------------


async def test_an_answer_says_who_gave_it_and_why() -> None:
    """In headers, whole or streamed."""
    async with door() as at:
        whole = await at.ask("brain")
        assert whole.status == 200
        assert whole.headers["content-type"] == "application/json"
        assert int(whole.headers["content-length"]) == len(whole.body)
        streamed = await at.ask("auto", stream=True)
        assert streamed.headers["content-type"] == "text/event-stream"
        assert streamed.headers["cache-control"] == "no-store"
        assert (whole.headers["x-batuta-model"], whole.headers["x-batuta-route"]) == ("brain", "named by the caller")
        assert (streamed.headers["x-batuta-model"], streamed.headers["x-batuta-route"]) == (
            "brain",
            "holds the role brain",
        )
        assert "x-batuta-fallback" not in whole.headers | streamed.headers
        assert events(streamed.body)[-1] == b"[DONE]"
        assert comments(streamed.body) == []


async def test_a_fallback_is_told_in_a_header() -> None:
    """From whom, and why."""
    async with door("pair", "api") as at:
        at.stage.engine.fail_load("coder", Cause.CORRUPT_FILE)
        reply = await at.ask("executor")
        assert reply.headers["x-batuta-model"] == "api/far"
        assert reply.headers["x-batuta-fallback"] == "coder, corrupt_file"


async def test_a_name_that_is_no_ascii_is_percent_encoded_in_headers() -> None:
    """Headers carry bytes, not languages."""
    async with door("pair") as at:
        at.stage.add(remote("modelo-ção"), at.stage.api)
        reply = await at.ask("modelo-ção", seconds=0)
        assert reply.status == 200
        assert reply.headers["x-batuta-model"] == "modelo-%C3%A7%C3%A3o"


@pytest.mark.parametrize(
    "header",
    [
        (b"x-batuta-fallback", b"maybe"),
        (b"x-batuta-priority", b"urgent"),
        (b"x-batuta-fallback", b""),
        (b"x-batuta-policy", b"cheap"),
        (b"x-batuta-local-only", b"yes"),
        (b"x-batuta-models", b" , "),
        (b"x-batuta-models", b"a,b,c,d,e,f,g,h,i"),
        (b"x-batuta-models", b"a%0Ab"),
        (b"x-batuta-max-wait", b"soon"),
        (b"x-batuta-max-wait", b"-1"),
        (b"x-batuta-max-wait", b"nan"),
        (b"x-batuta-max-wait", b"1e3"),
        (b"x-batuta-max-wait", b"3601"),
        (b"x-batuta-max-wait", b""),
        (b"x-batuta-next", b" "),
        (b"x-batuta-next", b"a%0Ab"),
    ],
)
async def test_a_wish_that_nobody_knows_is_refused_in_words(header: tuple[bytes, bytes]) -> None:
    """A misspelt wish must not be granted by accident."""
    async with door() as at:
        reply = await at.ask("brain", header, seconds=0)
        assert reply.status == 400
        assert header[0].decode() in reply.json()["error"]["message"]
        assert at.stage.engine.loads.total() == 0


async def test_a_circle_of_gateways_is_broken() -> None:
    """Three gateways are a way, more are a circle; what is no number is refused too."""
    async with door() as at:
        looped = await at.ask("brain", (b"x-batuta-hop", b"4"), seconds=0)
        assert (looped.status, looped.json()["error"]["code"]) == (508, "loop")
        assert (await at.ask("brain", (b"x-batuta-hop", b"-1"), seconds=0)).status == 400
        assert (await at.ask("brain", (b"x-batuta-hop", b"3"))).status == 200


async def test_a_caller_may_allow_or_deny_other_models() -> None:
    """One word in a header."""
    async with door("pair", "api") as at:
        at.stage.engine.fail_load("coder", Cause.CORRUPT_FILE)
        allowed = await at.ask("coder", (b"x-batuta-fallback", b"allow"))
        assert allowed.headers["x-batuta-model"] == "api/far"
        denied = await at.ask("executor", (b"x-batuta-fallback", b"deny"))
        assert denied.status == 503


async def test_a_caller_may_say_how_long_it_waits() -> None:
    """Where another may answer, that one does, and the headers say why; who allows nobody else waits."""
    async with door("pair", "api") as at:
        limit = (b"x-batuta-max-wait", b"0.5")
        reply = await at.ask("auto", limit)
        assert reply.headers["x-batuta-model"] == "api/far"
        assert reply.headers["x-batuta-fallback"] == "brain, long_wait"
        assert reply.headers["x-batuta-route"].endswith("more than the 0.5 s that are waited")
        assert (await at.ask("brain", limit)).headers["x-batuta-model"] == "brain"


async def test_a_caller_may_name_its_next_step() -> None:
    """The model that is asked next is loaded as soon as this answer has ended, and finds nobody to wait for."""
    async with door("pair", "api") as at:
        assert (await at.ask("brain", (b"x-batuta-next", b"executor"))).status == 200
        await at.stage.clock.advance(30.0)
        residencies = at.stage.runner.lifecycle.residencies
        assert residencies["coder"].state is ModelState.READY
        assert any("named as the next step by" in line.text for line in residencies["coder"].story)
        unknown = await at.ask("coder", (b"x-batuta-next", b"codr"), seconds=0)
        assert (unknown.status, unknown.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_caller_may_name_several_models() -> None:
    """In a header, percent-encoded where they are not ASCII; the first that can answers."""
    async with door("pair", "api") as at:
        at.stage.add(remote("modelo-ção"), at.stage.api)
        at.stage.engine.fail_load("coder", Cause.CORRUPT_FILE)
        reply = await at.ask("coder", (b"x-batuta-models", b"nobody, modelo-%C3%A7%C3%A3o"))
        assert reply.headers["x-batuta-model"] == "modelo-%C3%A7%C3%A3o"
        assert reply.headers["x-batuta-fallback"] == "nobody, model_not_found; coder, corrupt_file"


@pytest.mark.parametrize("header", [(b"x-batuta-local-only", b"true"), (b"x-batuta-policy", b"local-only")])
async def test_a_request_may_be_kept_on_this_machine(header: tuple[bytes, bytes]) -> None:
    """Who names an API then is refused with the name of a model here."""
    async with door("pair", "api") as at:
        reply = await at.ask("api/far", header, seconds=0)
        told = reply.json()["error"]
        assert (reply.status, told["code"], told["suggestion"] in {"brain", "coder"}) == (403, "local_only", True)
        assert at.stage.api.requests == []


async def test_a_batch_job_lets_a_person_go_first() -> None:
    """By a header, too: of two that wait for other models, the person's is loaded first."""
    async with door() as at:
        at.stage.add(spec("third", 14 * GB), at.stage.engine)
        await at.ask("brain")
        at.stage.engine.delta_s = 1.0
        tasks = [
            at.send("brain", words="a b c d")[1],
            at.send("coder", (b"x-batuta-priority", b"batch"))[1],
            at.send("third", (b"x-batuta-priority", b"interactive"))[1],
        ]
        await at.stage.clock.advance(300)
        assert [(await task).status for task in tasks] == [200, 200, 200]
        assert [line for line in at.stage.engine.log if line.startswith("load ")] == [
            "load brain",
            "load third",
            "load coder",
        ]


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_anything_was_sent_is_a_response_with_the_time_to_come_back(stream: bool) -> None:
    """A status, the code, the cause, who could answer, and Retry-After."""
    async with door("pair", "api") as at:
        at.stage.engine.fail_load("coder", Cause.TIMEOUT)
        reply = await at.ask("coder", stream=stream)
        error = reply.json()["error"]
        assert reply.status == 503
        assert (error["code"], error["cause"], error["suggestion"]) == ("model_failed", "timeout", "api/far")
        assert reply.headers["retry-after"] == "30"


async def test_the_deadline_of_a_whole_answer_is_a_response_too() -> None:
    """No heartbeats, one honest end."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        at.stage.engine.load_s = 1000.0
        reply = await at.ask("brain", seconds=181)
        assert reply.status == 503
        assert reply.json()["error"]["code"] in {"model_loading", "model_failed"}
        assert int(reply.headers["retry-after"]) > 0


async def test_an_error_in_the_middle_of_a_stream_is_told_in_it() -> None:
    """The words so far stay, an error event follows, and the response ends."""
    async with door("pair", "api") as at:
        at.stage.api.fail_chat("api/far", UpstreamFailed("500"), after=2)
        reply = await at.ask("api/far", stream=True, words="a b c d", seconds=1)
        assert reply.status == 200
        *_, last = events(reply.body)
        assert orjson.loads(last)["error"]["code"] == "upstream_failed"
        assert reply.body.endswith(b"\n\n")


# --- heartbeats --------------------------------------------------------------------------------------------------


async def test_while_a_model_loads_the_stream_lives_by_comments_with_its_progress() -> None:
    """Each `heartbeat_s`; then who answers, in a comment; then the answer; and no comment after that."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        at.stage.engine.delta_s = 1.0
        client, task = at.send("auto", stream=True)
        await until(client, b": batuta ")
        assert client.reply.status == 200
        assert "x-batuta-model" not in client.reply.headers
        await at.stage.clock.advance(1.0 + 3.5 * BEAT_S)
        assert client.reply.body.count(b": batuta ") == 1 + 203
        (first, *_, latest) = comments(client.reply.body)
        assert (first["model"], first["state"], first["stage"]) == ("brain", "loading", "starting")
        assert latest["fraction"] == 0.25
        assert latest["remaining_s"] == pytest.approx(3.0, abs=0.1)
        await at.stage.clock.advance(60)
        reply = await task
        said = reply.body.split(b"data: ", 1)
        assert comments(said[0])[-1] == {"model": "brain", "route": "holds the role brain", "fallback": []}
        assert comments(said[1]) == []
        assert events(reply.body)[-1] == b"[DONE]"


async def test_heartbeats_say_what_is_waited_for_and_how_long() -> None:
    """Place, expected seconds and a sentence: behind an answer of another model first, then of its own load."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        await at.ask("coder")
        at.stage.engine.delta_s = 10.0
        _, running = at.send("coder", stream=True)
        await at.stage.clock.advance(1.0)
        at.stage.lifecycle.residencies["coder"].answer_s = 20.0
        client, task = at.send("brain", stream=True)
        await until(client, b": batuta ")
        (first,) = comments(client.reply.body)
        assert (first["stage"], first["position"], first["waits_for"]) == ("queued", 1, ["coder"])
        assert first["sentence"].startswith("waiting for coder to finish 1 answer (about 19 s), then loading brain (")
        assert first["expected_s"] > 19.0
        await at.stage.clock.advance(200)
        await running
        latest = [said for said in comments((await task).body) if said.get("state") == "loading"][-1]
        assert latest["sentence"].startswith("loading brain (")
        assert latest["expected_s"] < 4.0  # seconds that the whole load takes


async def test_a_model_that_is_ready_needs_no_heartbeat() -> None:
    """And none comes late."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        await at.ask("brain")
        reply = await at.ask("brain", stream=True)
        await asyncio.sleep(2 * BEAT_S)
        assert comments(reply.body) == []
        assert len(at.tasks) == 0


async def test_heartbeats_go_on_over_a_fallback_and_tell_of_the_next_model() -> None:
    """The stream stays open; the progress is the candidate's that is tried now."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        at.stage.engine.fail_load("brain", Cause.CORRUPT_FILE)
        client, task = at.send("auto", stream=True)
        await until(client, b": batuta ")
        await at.stage.clock.advance(60)
        reply = await task
        models = [comment["model"] for comment in comments(reply.body)]
        assert list(dict.fromkeys(models)) == ["brain", "coder"]
        assert comments(reply.body)[-1]["fallback"] == ["brain, corrupt_file"]


async def test_an_error_after_heartbeats_have_opened_the_stream_is_told_in_it() -> None:
    """The status is out already: the event carries code and cause."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        at.stage.engine.fail_load("brain", Cause.CORRUPT_FILE)
        client, task = at.send("brain", stream=True)
        await until(client, b": batuta ")
        await at.stage.clock.advance(10)
        reply = await task
        (event,) = events(reply.body)
        assert reply.status == 200
        assert orjson.loads(event)["error"]["cause"] == "corrupt_file"
        size = len(reply.body)
        await at.stage.clock.advance(10)
        assert len(client.reply.body) == size


async def test_a_model_that_leaves_the_catalog_while_its_stream_waits_is_refused_in_the_stream() -> None:
    """Its heartbeats do not stumble over it."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        client, task = at.send("brain", stream=True)
        await until(client, b": batuta ")
        at.stage.runner.forget("brain")
        await at.stage.clock.advance(1)
        (event,) = events((await task).body)
        assert orjson.loads(event)["error"]["code"] == "model_not_found"


async def test_a_heartbeat_that_is_being_sent_never_meets_the_answers_head() -> None:
    """A slow connection: the head is written once, before everything else."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        gate = asyncio.Event()
        sent: list[str] = []
        client, _ = at.send("nobody")
        await asyncio.sleep(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            await gate.wait()
            sent.append(message["type"])

        client._is_sent = False
        client._raw = orjson.dumps({"model": "brain", "messages": [{"role": "user", "content": "a"}], "stream": True})
        scope = {**client._scope, "state": {}}
        task = at.tasks.start(at.app(scope, client._receive, send), name="slow reader")
        await asyncio.sleep(4 * BEAT_S)
        await at.stage.clock.advance(10)
        gate.set()
        await at.stage.clock.advance(10)
        await task
        assert sent[0] == "http.response.start"
        assert sent.count("http.response.start") == 1


# --- leaving -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["loading", "before the first delta", "in the middle"])
@pytest.mark.parametrize("has_hook", [False, True])
async def test_a_caller_who_leaves_frees_his_place_at_once(stream: bool, phase: str, has_hook: bool) -> None:
    """In each phase, whether the server tells by a hook or by `receive`; the engine stops."""
    async with door("pair", heartbeat_s=BEAT_S) as at:
        it = at.stage
        if phase != "loading":
            await at.ask("brain")
        it.engine.delta_s = 1.0
        departure = Departure(lambda: None)
        client, task = at.send(
            "brain", stream=stream, words="a b c d e f", extensions={HOOK: departure} if has_hook else {}
        )
        await it.clock.advance({"loading": 1.0, "before the first delta": 0.5, "in the middle": 2.5}[phase])
        if phase == "loading":
            assert len(it.lifecycle.waiting) == 1
        else:
            assert it.engine.in_flight["brain"] == 1
        if has_hook:
            departure.announce()
        else:
            client.leave()
        await it.clock.advance(0)
        await task
        assert it.lifecycle.leases == {}
        assert len(it.lifecycle.waiting) == 0
        assert it.engine.in_flight["brain"] == 0
        assert it.told(RequestEnded)[-1].status == (200 if stream and phase == "in the middle" else 499)
        await it.clock.advance(60)
        assert it.lifecycle.residencies["brain"].state is ModelState.READY
        assert len(at.tasks) == 0


# --- what there is -----------------------------------------------------------------------------------------------


async def test_models_are_listed_with_their_state_and_the_virtual_names() -> None:
    """OpenAI's form, llama.cpp's status; what is switched off is not offered."""
    async with door("pair", "api") as at:
        it = at.stage
        it.add(replace(spec("off", GB), enabled=False), it.engine)
        await at.ask("brain")
        at.send("coder")
        await it.clock.advance(2.0)
        data = (await at.get("/v1/models")).json()["data"]
        items = {item["id"]: item for item in data}
        assert len(items) == len(data), "a model that has a virtual name is listed once"
        assert items["brain"]["status"] == {"value": "unloaded"}
        assert items["coder"]["status"]["value"] == "loading"
        assert items["coder"]["status"]["progress"] == 0.25
        assert items["api/far"]["status"] == {"value": "loaded"}
        assert {"auto", "brain", "executor"} <= set(items)
        assert "off" not in items
        await it.clock.advance(60)


async def test_a_failed_model_is_listed_as_failed() -> None:
    """Clients of llama.cpp's router look for that."""
    async with door() as at:
        at.stage.engine.fail_load("coder", Cause.CORRUPT_FILE)
        await at.ask("coder", seconds=10)
        item = (await at.get("/v1/models/coder")).json()
        assert item["status"] == {"value": "unloaded", "failed": True}


async def test_one_model_is_told_by_its_id_with_slashes_and_an_unknown_one_is_refused() -> None:
    """The same item as in the list."""
    async with door("pair", "api") as at:
        assert (await at.get("/v1/models/api/far")).json()["id"] == "api/far"
        missing = await at.get("/v1/models/nobody")
        assert missing.status == 404
        assert missing.json()["error"]["code"] == "model_not_found"


async def test_an_empty_catalog_lists_nothing() -> None:
    """No virtual name without anybody behind it."""
    async with door("api") as at:
        at.stage.specs.clear()
        assert (await at.get("/v1/models")).json() == {"object": "list", "data": []}
