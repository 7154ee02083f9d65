"""LM Studio that is not there, is somebody else, breaks or starts anew: each a clear state, none beyond its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp  # noqa: F401  # imported here: the first import is longer than the deadlines of these plays
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.base import EngineHealth
from batuta.engines.lmstudio.engine import LMStudioEngine
from batuta.engines.transport import Transport
from batuta.errors import (
    BadSettings,
    BatutaError,
    Cause,
    KeyInvalid,
    ModelFailed,
    ProviderError,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.fake_openai import FakeOpenAI
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, Fault
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-lmstudio"
SHORT_S = 0.1  # for plays that are about time
LOOK_S = 5.0  # for the others, however busy the machine
SLACK_S = 1.0  # beyond a deadline, however busy the machine
SPEC = ModelSpec("lmstudio/m", "lmstudio", "m", is_local=True, is_loadable=True)


@asynccontextmanager
async def facing(
    url: str, *, load_timeout_s: float = 5.0, poll_s: float = 0.002, look_s: float = LOOK_S
) -> AsyncIterator[LMStudioEngine]:
    transport = Transport()
    engine = LMStudioEngine(
        Provider("lmstudio", "lmstudio", base_url=url, is_local=True),
        transport,
        key=Secret(KEY),
        poll_s=poll_s,
        look_s=look_s,
        load_timeout_s=load_timeout_s,
    )
    try:
        yield engine
    finally:
        await engine.aclose()
        await transport.aclose()


async def failure(engine: LMStudioEngine, call: str, spec: ModelSpec = SPEC) -> BatutaError:
    """Make a call that must fail, in its time and without the key in its words."""
    calls: dict[str, Callable[[], object]] = {
        "describe": engine.describe,
        "list": engine.list_models,
        "resident": engine.resident,
        "load": lambda: engine.load(spec, lambda _: None),
        "chat": lambda: anext(engine.chat(spec, ChatRequest("m", (Message("user", "x"),)))),
    }
    began = time.monotonic()
    with pytest.raises(BatutaError) as caught:
        await calls[call]()  # type: ignore[misc]  # each gives an awaitable
    assert time.monotonic() - began < 3 * SHORT_S + SLACK_S
    assert KEY not in caught.value.message
    return caught.value


every_call = pytest.mark.parametrize("call", ["describe", "list", "resident", "load", "chat"])


@every_call
async def test_nobody_there(call: str) -> None:
    """A refused connection is an engine that is offline, with the question whether it runs."""
    async with faulty.refusing() as url, facing(url) as engine:
        error = await failure(engine, call)
        assert (type(error), error.cause) == (UpstreamUnreachable, Cause.ENGINE_OFFLINE)
        assert "is it running?" in error.message
        assert (await engine.probe(SPEC)).health is EngineHealth.OFFLINE


@every_call
async def test_another_server_at_its_address(call: str) -> None:
    """A server of OpenAI's dialect that is no LM Studio is named for what it is."""
    async with FakeOpenAI() as server, facing(server.url) as engine:
        error = await failure(engine, call)
        assert (type(error), error.cause) == (UpstreamUnreachable, Cause.ENGINE_OFFLINE)
        assert "it is not LM Studio, it lists models as OpenAI's API does, owned by 'fake'" in error.message


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (faulty.html, "answers with a web page"),
        (faulty.status(404, "<html>nothing here</html>"), "answers 404"),
        (faulty.status(200, {"hello": "world"}), "answers nothing that LM Studio would"),
        (faulty.status(200, {"error": "no such thing"}), "answers: no such thing"),
        (faulty.empty, "does not answer with JSON"),
    ],
    ids=["html", "404", "json", "error", "empty"],
)
async def test_a_web_server_at_its_address(script: Script, words: str) -> None:
    """Pages, misses and foreign JSON: the message says what came instead."""
    async with FaultyUpstream(script) as upstream, facing(upstream.url) as engine:
        error = await failure(engine, "describe")
        assert (type(error), error.cause) == (UpstreamUnreachable, Cause.ENGINE_OFFLINE)
        assert words in error.message
        status = await engine.probe(SPEC)
        assert (status.health, words in status.message) == (EngineHealth.OFFLINE, True)


@pytest.mark.parametrize("url", ["", "127.0.0.1:1234", "ftp://127.0.0.1", "http://", "http://user:pass@127.0.0.1/"])
async def test_an_address_that_is_none(url: str) -> None:
    """What is no address is refused when it is given, not when it is used."""
    with pytest.raises(BadSettings):
        async with facing(url):
            pass


async def half_closed(wire: Wire) -> None:
    """Send a head and half a body, and close the one direction."""
    await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")
    wire.hang_up()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (faulty.silent, UpstreamTimeout),
        (faulty.drip(0.01), ProviderError),
        (faulty.flood, ProviderError),
        (faulty.hang_up, UpstreamFailed),
        (faulty.reset, UpstreamFailed),
        (half_closed, UpstreamFailed),
        (faulty.not_http, UpstreamFailed),
        (faulty.status(500, "down"), UpstreamFailed),
        (faulty.status(401, "no"), KeyInvalid),
    ],
    ids=["silent", "drip", "flood", "hang up", "reset", "half-closed", "not HTTP", "500", "401"],
)
async def test_an_answer_that_breaks(script: Script, kind: type[BatutaError]) -> None:
    """However it breaks, a look ends in its time with an error of the backend's; a load does not hang on it."""
    async with FaultyUpstream(script) as upstream, facing(upstream.url, look_s=SHORT_S) as engine:
        assert isinstance(await failure(engine, "describe"), kind)
        assert isinstance(await failure(engine, "load"), kind)
        assert (await engine.probe(SPEC)).health is EngineHealth.OFFLINE


async def test_a_load_that_never_answers() -> None:
    """The load's own time limit ends it, and the engine can be used again."""
    async with (
        FakeLMStudio([FakeModel("m", size=GIB)]) as server,
        facing(server.url, load_timeout_s=0.05) as engine,
    ):
        server.faults.append(Fault("/api/v1/models/load", delay_s=30))
        error = await failure(engine, "load")
        assert (type(error), error.cause) == (ModelFailed, Cause.TIMEOUT)
        assert (await engine.load(SPEC, lambda _: None)).memory_bytes > 0


async def test_a_restart_in_the_middle_of_a_load() -> None:
    """The load is tried at the LM Studio that comes back, and ends well."""
    models = [FakeModel("m", size=GIB, load_s=0.05)]
    server = await FakeLMStudio(models).start()
    async with facing(server.url, poll_s=0.1) as engine:  # longer than the restart takes
        loading = asyncio.get_running_loop().create_task(engine.load(SPEC, lambda _: None))
        async with asyncio.timeout(2):
            while not server.shelf.instances:  # noqa: ASYNC110  # a server knows no events
                await asyncio.sleep(0.001)
        await server.stop()
        async with FakeLMStudio(models, port=server.port):
            assert (await loading).memory_bytes > 0
            assert (await engine.probe(SPEC)).health is EngineHealth.READY


async def test_a_restart_between_requests() -> None:
    """What was in memory is not there any more: that is noticed, told, and mended by a load."""
    models = [FakeModel("m", size=GIB)]
    server = await FakeLMStudio(models).start()
    async with facing(server.url) as engine:
        gone: list[str] = []
        engine.watch(lambda model, _reason: gone.append(model))
        await engine.load(SPEC, lambda _: None)
        await server.stop()
        async with FakeLMStudio(models, port=server.port, is_jit_on=False):
            assert type(await failure(engine, "chat")) is UpstreamUnreachable
            assert gone == [SPEC.id]
            await engine.load(SPEC, lambda _: None)
            request = ChatRequest("m", (Message("user", "one two"),))
            assert "".join([delta.text async for delta in engine.chat(SPEC, request)]) == "two one"


@pytest.mark.parametrize(
    "name", ["org/family/model-7b", "model:7b", "a model with spaces", "modèle-é-模型-🦙", 'quo"te\\', "..", "a@q4_k_m"]
)
async def test_names_of_every_sort(name: str) -> None:
    """Slashes, colons, spaces and unicode go to and fro: listed, loaded, asked, unloaded."""
    spec = ModelSpec(f"lmstudio/{name}", "lmstudio", name, is_local=True, is_loadable=True)
    async with FakeLMStudio([FakeModel(name, size=GIB)]) as server, facing(server.url) as engine:
        assert [model.address for model in await engine.list_models()] == [name]
        await engine.load(spec, lambda _: None)
        request = ChatRequest("m", (Message("user", "one two"),), stream=True)
        assert "".join([delta.text async for delta in engine.chat(spec, request)]) == "two one"
        assert [one.address for one in await engine.resident()] == [name]
        await engine.unload(spec)
        assert not server.shelf.instances


async def test_a_version_that_is_too_old() -> None:
    """It is listed, and each thing it cannot do says so and what helps."""
    async with FakeLMStudio([FakeModel("m", size=GIB)], version="0.3.5") as server, facing(server.url) as engine:
        assert "update it" in (await engine.describe()).note
        error = await failure(engine, "load")
        assert (type(error), "older than 0.3.6" in error.message) == (UpstreamFailed, True)
        assert isinstance(await failure(engine, "chat"), UpstreamUnreachable)
        assert not server.shelf.instances
