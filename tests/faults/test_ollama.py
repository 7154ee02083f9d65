"""An Ollama that is not one, is gone, half gone, too old or oddly named: a clear state each time, and nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.base import EngineHealth
from batuta.engines.ollama.engine import OllamaEngine
from batuta.engines.transport import Transport
from batuta.errors import BadSettings, BatutaError, Cause, UpstreamUnreachable
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire
from batuta.testing.local_server import FakeModel, Fault
from batuta.testing.ollama.server import FakeOllama

SPEC = ModelSpec("o/m", "o", "m:latest", context_length=512, is_local=True, is_loadable=True)
PATIENCE_S = 10.0  # for plays that are not about time, however busy the machine
QUICK_S = 0.1  # for those that are
WITHIN_S = 2 * PATIENCE_S
both_clients = pytest.mark.parametrize("is_direct", [True, False], ids=["loopback", "aiohttp"])


def engine_at(url: str, transport: Transport, *, within_s: float = PATIENCE_S) -> OllamaEngine:
    return OllamaEngine(
        Provider("o", "ollama", base_url=url, is_local=True),
        transport,
        load_timeout_s=within_s,
        unload_timeout_s=within_s,
        ask_timeout_s=within_s,
        poll_s=0.002,
    )


@asynccontextmanager
async def facing(url: str, *, is_direct: bool = True, within_s: float = PATIENCE_S) -> AsyncIterator[OllamaEngine]:
    transport = Transport(is_direct=is_direct)
    engine = engine_at(url, transport, within_s=within_s)
    yield engine
    await engine.aclose()
    await transport.aclose()


async def ask(engine: OllamaEngine, spec: ModelSpec = SPEC) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    request = ChatRequest("x", (Message("user", "a b"),), stream=True, deadline=deadline)
    async for _ in engine.chat(spec, request):
        pass


ACTIONS: dict[str, Callable[[OllamaEngine], Awaitable[object]]] = {
    "describe": lambda engine: engine.describe(),
    "list": lambda engine: engine.list_models(),
    "resident": lambda engine: engine.resident(),
    "load": lambda engine: engine.load(SPEC, lambda _: None),
    "chat": ask,
}


async def errors_of(engine: OllamaEngine) -> dict[str, BatutaError]:
    """Do everything there is to do; return what each ended with. A probe never raises."""
    errors = {}
    for name, action in ACTIONS.items():
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(BatutaError) as caught:
                await action(engine)
        errors[name] = caught.value
    async with asyncio.timeout(WITHIN_S):
        status = await engine.probe(SPEC)
    assert status.health is EngineHealth.OFFLINE
    assert status.message
    return errors


def always(status: int, body: str, content_type: str = "application/json") -> Script:
    async def script(wire: Wire) -> None:
        await wire.answer(status, body.encode(), {"content-type": content_type})

    return script


STRANGERS = {
    "LM Studio": (200, '{"error":"Unexpected endpoint or method. (GET /api/version)"}', "LM Studio answers there"),
    "llama-server": (
        404,
        '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}',
        "llama-server answers there",
    ),
    "FastAPI": (404, '{"detail":"Not Found"}', "a server that has no such path"),
    "another API": (200, '{"status":"ok"}', "not Ollama"),
    "a list": (200, "[]", "not Ollama"),
}


@both_clients
@pytest.mark.parametrize(("status", "body", "words"), STRANGERS.values(), ids=STRANGERS)
async def test_another_server_is_named(status: int, body: str, words: str, is_direct: bool) -> None:
    """Whoever answers at the address is named, with the advice to check it; no model is thought to be there."""
    async with (
        FaultyUpstream(always(status, body)) as upstream,
        facing(upstream.url, is_direct=is_direct) as engine,
    ):
        errors = await errors_of(engine)
        assert words in errors["describe"].message
        assert "check the base URL" in errors["describe"].message
        assert errors["describe"].cause is Cause.ENGINE_OFFLINE


@both_clients
async def test_a_web_page_is_no_ollama(is_direct: bool) -> None:
    """HTML with a 200, as a router or a development server gives it, asks whether the address is right."""
    page = always(200, "<!doctype html><title>Welcome</title>", "text/html")
    async with FaultyUpstream(page) as upstream, facing(upstream.url, is_direct=is_direct) as engine:
        for error in (await errors_of(engine)).values():
            assert "is the base URL right?" in error.message


async def test_a_program_that_only_tells_a_version_is_no_ollama() -> None:
    """Other programs have /api/version, too; what is in memory only Ollama tells."""

    async def script(wire: Wire) -> None:
        is_version = wire.request.path.endswith("/version")
        await wire.answer(200 if is_version else 404, b'{"version":"1.2"}' if is_version else b"404 page not found")

    async with FaultyUpstream(script) as upstream, facing(upstream.url) as engine:
        with pytest.raises(UpstreamUnreachable, match=r"before 0\.1\.38; check the base URL"):
            await engine.describe()


@both_clients
async def test_a_wrong_path_in_the_address_is_told(is_direct: bool) -> None:
    """A base URL with a path too many leads nowhere, and says so."""
    async with FakeOllama() as server, facing(f"{server.url}/ollama/v1", is_direct=is_direct) as engine:
        errors = await errors_of(engine)
        assert "check the base URL" in errors["list"].message


@pytest.mark.parametrize("url", ["", "127.0.0.1:11434", "ftp://127.0.0.1", "http://user:secret@127.0.0.1:11434"])
async def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    """No scheme, another scheme, a password in it: refused before anything is asked, and without the password."""
    with pytest.raises(BadSettings) as caught:
        engine_at(url, Transport())
    assert "secret" not in caught.value.message


@both_clients
async def test_nobody_there_is_offline(is_direct: bool) -> None:
    """A refused connection asks whether it is running; an unload has nothing to do."""
    async with FakeOllama() as server:
        url = server.url
    async with facing(url, is_direct=is_direct) as engine:
        for error in (await errors_of(engine)).values():
            assert isinstance(error, UpstreamUnreachable)
            assert error.cause is Cause.ENGINE_OFFLINE
            assert "is it running?" in error.message
        await engine.unload(SPEC)


async def silence(wire: Wire) -> None:
    await wire.silence()


async def half(wire: Wire) -> None:
    await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
    await wire.silence()


async def cut_head(wire: Wire) -> None:
    await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-")
    wire.hang_up()


async def hang_up(wire: Wire) -> None:
    wire.hang_up()


async def noise(wire: Wire) -> None:
    await wire.raw(b"\x00\x01SSH-2.0-OpenSSH\r\n")
    wire.hang_up()


@both_clients
@pytest.mark.parametrize("script", [half, cut_head, hang_up, noise], ids=lambda script: script.__name__)
async def test_half_open_and_broken_connections_end(script: Script, is_direct: bool) -> None:
    """Whatever a socket does, each question ends in time with an error of its kind."""
    async with (
        FaultyUpstream(script) as upstream,
        facing(upstream.url, is_direct=is_direct, within_s=QUICK_S) as engine,
    ):
        for action in ("describe", "list", "load"):
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(BatutaError):
                    await ACTIONS[action](engine)
        assert (await engine.probe(SPEC)).health is EngineHealth.OFFLINE


@both_clients
async def test_silence_ends_with_the_deadline(is_direct: bool) -> None:
    """A server that takes the connection and says nothing is given up."""
    async with (
        FaultyUpstream(silence) as upstream,
        facing(upstream.url, is_direct=is_direct, within_s=QUICK_S) as engine,
    ):
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(BatutaError, match="in time"):
                await engine.describe()
            assert (await engine.probe(SPEC)).health is EngineHealth.OFFLINE


async def test_a_restart_in_the_middle_is_seen_and_got_over() -> None:
    """The answer is broken, the model is gone from the list, and after the restart it loads and answers again."""
    model = FakeModel("m:latest", size=10)
    async with FakeOllama((model,)) as server, facing(server.url) as engine:
        await engine.load(SPEC, lambda _: None)
        server.play.token_s = 5
        deltas = engine.chat(SPEC, ChatRequest("x", (Message("user", "a b c"),), stream=True))
        await anext(deltas)
        await server.stop()
        with pytest.raises(BatutaError):
            await anext(deltas)
        with pytest.raises(UpstreamUnreachable):
            await engine.resident()
        async with FakeOllama((model,), port=server.port):
            assert await engine.resident() == ()
            assert (await engine.probe(SPEC)).health is EngineHealth.ABSENT
            await engine.load(SPEC, lambda _: None)
            await ask(engine)


async def test_a_restart_during_a_load_fails_the_load() -> None:
    """The connection of the load is gone; who waits is told, and the next load works."""
    async with FakeOllama((FakeModel("m:latest", size=10, load_s=5),)) as server, facing(server.url) as engine:
        load = asyncio.get_running_loop().create_task(engine.load(SPEC, lambda _: None))
        while not server.scheduler.loads:  # noqa: ASYNC110  # the fake tells nobody
            await asyncio.sleep(0.001)
        await server.stop()
        with pytest.raises(BatutaError):
            await load
        assert SPEC.address not in engine._loads


NAMES = (
    "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
    "localhost:5000/me/m:1",
    "a name with spaces:latest",
    "modèle-ünïcode-模型:latest",
    'quote"s:latest',
    "pct%2Fpath?x=1#y:latest",
)


@pytest.mark.parametrize("name", NAMES)
async def test_odd_names_work_like_any_other(name: str) -> None:
    """Slashes, colons, spaces, quotes and unicode: listed, loaded, asked and unloaded."""
    spec = replace(SPEC, id=f"o/{name}", address=name)
    async with FakeOllama((FakeModel(name, size=10),)) as server, facing(server.url) as engine:
        assert [model.address for model in await engine.list_models()] == [name]
        await engine.load(spec, lambda _: None)
        assert [resident.address for resident in await engine.resident()] == [name]
        await ask(engine, spec)
        await engine.unload(spec)
        assert await engine.resident() == ()


async def test_an_old_version_is_used_and_told_about() -> None:
    """Before 0.5: everything that works does, capabilities are guessed, and the note says what is missing."""
    models = (FakeModel("m:latest", size=10), FakeModel("v:latest", size=10, is_embedding=True))
    async with FakeOllama(models, version="0.3.14") as server, facing(server.url) as engine:
        info = await engine.describe()
        assert info.version == "0.3.14"
        assert "older than 0.5" in info.note
        chat, vectors = await engine.list_models()
        assert len(chat.capabilities) == 2
        assert [str(word) for word in vectors.capabilities] == ["embedding"]
        await engine.load(SPEC, lambda _: None)
        await ask(engine)
        assert server.scheduler.loads == ["m:latest"]
        await engine.unload(SPEC)


async def test_garbage_in_lists_hides_no_good_models() -> None:
    """A row that is none is left out; the others are there."""
    rows = '{"models":[null,7,{},{"name":5},{"name":"m:latest","size":"big","details":[]}]}'
    async with FakeOllama((FakeModel("m:latest", size=10),)) as server, facing(server.url) as engine:
        server.faults.append(Fault("/api/tags", status=200, body=rows))
        assert [model.address for model in await engine.list_models()] == ["m:latest"]
