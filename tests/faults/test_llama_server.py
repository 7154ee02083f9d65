"""A llama-server that is none, is gone, half gone, too old or oddly named: a clear state each time; nothing hangs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from batuta.engines.base import EngineHealth
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.errors import (
    BadSettings,
    BatutaError,
    CannotUnload,
    Cause,
    KeyInvalid,
    ModelFailed,
    StreamBroken,
    UpstreamUnreachable,
)
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import FakeModel, Fault
from batuta.testing.ollama.server import FakeOllama
from batuta.vault.secret import Secret
from tests.unit.engines.llama_server_play import SMALL, ask, playing, provider, spec, until

PATIENCE_S = 10.0  # for plays that are not about time, however busy the machine
QUICK_S = 0.1  # for those that are
WITHIN_S = 2 * PATIENCE_S
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading them takes longer than the deadlines of some plays
both_clients = pytest.mark.parametrize("is_direct", [True, False], ids=["loopback", "aiohttp"])


def engine_at(url: str, transport: Transport, *, within_s: float = PATIENCE_S) -> LlamaServerEngine:
    return LlamaServerEngine(
        provider(url),
        transport,
        load_timeout_s=within_s,
        unload_timeout_s=within_s,
        ask_timeout_s=within_s,
        poll_s=0.002,
        retry_s=0.002,
    )


@asynccontextmanager
async def facing(url: str, *, is_direct: bool = True, within_s: float = PATIENCE_S) -> AsyncIterator[LlamaServerEngine]:
    transport = Transport(is_direct=is_direct, prepare=lambda: NO_CERTIFICATES)
    engine = engine_at(url, transport, within_s=within_s)
    yield engine
    await engine.aclose()
    await transport.aclose()


async def chat(engine: LlamaServerEngine) -> None:
    async for _ in engine.chat(spec(), ask()):
        pass


ACTIONS: dict[str, Callable[[LlamaServerEngine], Awaitable[object]]] = {
    "describe": lambda engine: engine.describe(),
    "list": lambda engine: engine.list_models(),
    "resident": lambda engine: engine.resident(),
    "load": lambda engine: engine.load(spec(), lambda _: None),
    "chat": chat,
}


async def errors_of(engine: LlamaServerEngine) -> dict[str, BatutaError]:
    """Do everything there is to do; return what each ended with. A probe never raises."""
    errors = {}
    for name, action in ACTIONS.items():
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(BatutaError) as caught:
                await action(engine)
        errors[name] = caught.value
    async with asyncio.timeout(WITHIN_S):
        status = await engine.probe(spec())
    assert status.health is EngineHealth.OFFLINE
    assert status.message
    return errors


def always(status: int, body: str, content_type: str = "application/json") -> Script:
    async def script(wire: Wire) -> None:
        await wire.answer(status, body.encode(), {"content-type": content_type})

    return script


# --- somebody else -------------------------------------------------------------------------------------------------

STRANGERS = {
    "FastAPI": (404, '{"detail":"Not Found"}', "Not Found"),
    "another API": (200, '{"status":"ok"}', "it has other properties"),
    "a list": (200, "[]", "it has other properties"),
    "a page": (200, "<!doctype html><title>Welcome</title>", "is the base URL right?"),
}


@both_clients
@pytest.mark.parametrize(("status", "body", "words"), STRANGERS.values(), ids=STRANGERS)
async def test_another_server_is_told(status: int, body: str, words: str, is_direct: bool) -> None:
    """Whoever answers is no llama-server, with what it says and the advice to check the address."""
    async with (
        FaultyUpstream(always(status, body)) as upstream,
        facing(upstream.url, is_direct=is_direct) as engine,
    ):
        for error in (await errors_of(engine)).values():
            assert isinstance(error, UpstreamUnreachable)
            assert error.cause is Cause.ENGINE_OFFLINE
            assert "is no llama-server" in error.message
            assert words in error.message
            assert "check the base URL" in error.message


async def test_other_engines_are_named() -> None:
    """LM Studio says that it has no such route; Ollama's list says whose it is."""
    async with FakeLMStudio() as server, facing(server.url) as engine:
        assert "it lists models owned by" in (await errors_of(engine))["describe"].message
    async with FakeOllama([FakeModel("m:latest")]) as ollama, facing(ollama.url) as engine:
        assert "it lists models owned by 'library'" in (await errors_of(engine))["describe"].message


async def test_a_wrong_path_in_the_address_is_told() -> None:
    """A base URL with a path too many leads nowhere, and says so."""
    async with FakeLlamaServer(is_router=True) as server, facing(f"{server.url}/llama/v1") as engine:
        assert "check the base URL" in (await errors_of(engine))["list"].message


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://127.0.0.1", "http://user:secret@127.0.0.1:8080"])
async def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    """No scheme, another scheme, a password in it: refused before anything is asked, and without the password."""
    with pytest.raises(BadSettings) as caught:
        engine_at(url, Transport())
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("is_router", [True, False], ids=["router", "single"])
async def test_a_wrong_key_is_told_as_such(is_router: bool) -> None:
    """401 is about the key and nothing else, and the key is not repeated."""
    async with FakeLlamaServer(is_router=is_router, key="sk-test-not-a-key-right") as server:
        transport = Transport()
        engine = LlamaServerEngine(provider(server.url), transport, key=Secret("sk-test-not-a-key-wrong"))
        await server.ready(server.child.name)
        for error in (await errors_of(engine)).values():
            assert isinstance(error, KeyInvalid)
            assert "not-a-key" not in error.message
        await engine.aclose()
        await transport.aclose()


# --- nobody, or half of somebody -----------------------------------------------------------------------------------


@both_clients
async def test_nobody_there_is_offline(is_direct: bool) -> None:
    """A refused connection asks whether it is running; an unload has nothing to do."""
    async with FakeLlamaServer(is_router=True) as server:
        url = server.url
    async with facing(url, is_direct=is_direct) as engine:
        for error in (await errors_of(engine)).values():
            assert error.cause is Cause.ENGINE_OFFLINE
            assert "is it running?" in error.message
        await engine.unload(spec())


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


async def silence(wire: Wire) -> None:
    await wire.silence()


@both_clients
@pytest.mark.parametrize("script", [half, cut_head, hang_up, noise, silence], ids=lambda script: script.__name__)
async def test_broken_connections_end_in_time(script: Script, is_direct: bool) -> None:
    """Whatever a socket does, each question ends in time with an error of its kind."""
    async with (
        FaultyUpstream(script) as upstream,
        facing(upstream.url, is_direct=is_direct, within_s=QUICK_S) as engine,
    ):
        for action in ("describe", "list", "load"):
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(BatutaError):
                    await ACTIONS[action](engine)
        assert (await engine.probe(spec())).health is EngineHealth.OFFLINE


# --- restarts ------------------------------------------------------------------------------------------------------


async def test_a_restart_in_the_middle_is_seen_and_got_over() -> None:
    """The answer is broken, the model is lost, and after the restart it loads and answers, and changes are heard."""
    async with playing(SMALL) as play:
        play.engine.notice(lambda: play.changes.append(None))
        await play.load()
        play.server.speaker.token_s = 5
        deltas = play.engine.chat(spec(), ask())
        await anext(deltas)
        await play.server.stop()
        with pytest.raises(StreamBroken):
            await anext(deltas)
        with pytest.raises(UpstreamUnreachable):
            await play.engine.resident()
        await until(lambda: not play.engine.is_hearing)
        assert [model for model, _ in play.gone] == [spec().id]
        async with FakeLlamaServer([SMALL], is_router=True, port=play.server.port):
            assert await play.engine.resident() == ()
            assert (await play.engine.probe(spec())).health is EngineHealth.ABSENT
            await play.load()
            assert await play.said() == "three two one"
            await until(lambda: play.engine.is_hearing)


async def test_a_restart_during_a_load_fails_the_load() -> None:
    """Who waits is told that it is offline; nothing is left of the load."""
    async with playing(FakeModel("slow", load_s=30)) as play:
        load = asyncio.get_running_loop().create_task(play.load("slow"))
        await until(lambda: play.server.children.loads == 1)
        await play.server.stop()
        with pytest.raises(UpstreamUnreachable):
            await load
        assert not play.engine._loads.addresses


async def test_a_router_may_come_back_as_a_server_of_one_model() -> None:
    """It is asked anew who it is once it answers otherwise, also when nobody looked in between."""
    async with playing(SMALL) as play:
        await play.load()
        await play.server.stop()
        async with FakeLlamaServer([SMALL], port=play.server.port) as alone:
            await alone.ready()
            assert [held.address for held in await play.engine.resident()] == [SMALL.name]
            with pytest.raises(CannotUnload, match="stop it where it was started"):
                await play.engine.unload(spec())


async def test_a_router_may_come_back_as_a_server_that_is_loading() -> None:
    """Then what it held is lost, and on its way in again."""
    async with playing(SMALL) as play:
        await play.load()
        await play.server.stop()
        slow = FakeModel(SMALL.name, load_s=0.05)
        async with FakeLlamaServer([slow], port=play.server.port, build=3500) as alone:
            assert (await play.engine.probe(spec())).health is EngineHealth.LOADING
            assert [model for model, _ in play.gone] == [spec().id]
            await alone.ready()
            assert (await play.load()).was_resident


async def test_a_model_that_is_loaded_anew_behind_our_back_is_lost_meanwhile() -> None:
    """It was there and is on its way in again: a request has to wait for it as for any load."""
    async with playing(SMALL) as play:
        await play.load()
        child = play.server.children.all[SMALL.name]
        child.status = "loading"
        await play.engine.resident()
        assert [model for model, _ in play.gone] == [spec().id]
        child.status = "loaded"
        assert (await play.load()).was_resident


# --- odd contents --------------------------------------------------------------------------------------------------

NAMES = (
    "org/Repo-GGUF:Q4_K_M",
    "/models/a b/m.gguf",
    "C:\\models\\m.gguf",
    "modèle-ünïcode-模型",
    'quote"s',
    "pct%2Fpath?x=1#y",
)


@pytest.mark.parametrize("name", NAMES)
async def test_odd_names_work_like_any_other(name: str) -> None:
    """Slashes, colons, spaces, quotes and unicode: listed, loaded, asked and unloaded; alone, too."""
    model = FakeModel(name, load_s=0.001)
    async with playing(model) as play:
        assert [each.address for each in await play.engine.list_models()] == [name]
        await play.load(name)
        assert await play.said(name) == "three two one"
        await play.engine.unload(spec(name))
        assert not await play.held()
    async with playing(model, is_router=False) as play:
        await play.load(name)
        assert await play.said(name) == "three two one"


async def test_garbage_in_a_list_hides_no_good_models() -> None:
    """A row that is none is left out; odd fields of others count as untold."""
    rows = (
        '{"data":[null,7,{},{"id":5},{"id":""},{"id":"odd","status":{"value":"melting","args":"x"},"meta":[]},'
        '{"id":"good","aliases":"a","status":{"value":"loaded","args":[1,"--ctx-size","x"]},"meta":{"size":"big"}}]}'
    )
    async with playing() as play:
        play.server.faults.append(Fault("/models", status=200, body=rows))
        found = {model.address: model.is_resident for model in await play.engine.list_models()}
        assert found == {"odd": False, "good": True}


async def test_a_list_that_is_none_is_told() -> None:
    """Properties of a llama-server and no list: somebody in between answers."""
    async with playing() as play:
        play.server.faults.append(Fault("/models", status=200, body='{"models":[]}'))
        with pytest.raises(UpstreamUnreachable, match="is no llama-server"):
            await play.engine.list_models()


async def test_a_build_of_long_ago_is_used_and_told_about() -> None:
    """Before the router, before builds were told: the model is there, answers, and the note says what is missing."""
    async with playing(SMALL, is_router=False, build=3500) as play:
        await play.load()
        info = await play.engine.describe()
        assert info.version == ""
        assert "router mode" in info.note
        assert await play.said() == "three two one"


async def test_an_error_in_a_200_is_an_error() -> None:
    """A proxy in between may hide the status."""
    async with playing() as play:
        body = '{"error":{"code":404,"message":"model is not found","type":"not_found_error"}}'
        play.server.faults.append(Fault("/models/load", status=200, body=body))
        with pytest.raises(ModelFailed) as caught:
            await play.load()
        assert caught.value.cause is Cause.NOT_INSTALLED


async def test_too_busy_is_told_as_such() -> None:
    """503 without `Loading model` is a server without a free slot: another try later may work."""
    async with playing() as play:
        await play.load()
        body = '{"error":{"code":503,"message":"no slot available","type":"unavailable_error"}}'
        play.server.faults.append(Fault("/v1/chat/completions", status=503, body=body))
        with pytest.raises(BatutaError, match="is too busy") as caught:
            await play.said()
        assert caught.value.retryable
