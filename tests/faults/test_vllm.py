"""A vLLM that is not one, is gone, half gone, dead or oddly named: a clear state each time, and nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.base import EngineHealth
from batuta.engines.transport import Transport
from batuta.engines.vllm.engine import VLLMEngine
from batuta.errors import BadSettings, BatutaError, Cause, UpstreamUnreachable
from batuta.testing.fake_openai import FakeOpenAI
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire
from batuta.testing.local_server import FakeModel, Fault
from batuta.testing.vllm.server import FakeVLLM
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-vllm"
MODEL = FakeModel("m", size=10)
SPEC = ModelSpec("v/m", "v", "m", is_local=True, is_loadable=True)
PATIENCE_S = 10.0  # for plays that are not about time, however busy the machine
QUICK_S = 0.1  # for those that are
both_clients = pytest.mark.parametrize("is_direct", [True, False], ids=["loopback", "aiohttp"])


def engine_at(url: str, transport: Transport, *, within_s: float = PATIENCE_S) -> VLLMEngine:
    return VLLMEngine(
        Provider("v", "vllm", base_url=url, is_local=True),
        transport,
        key=Secret(KEY),
        load_timeout_s=within_s,
        sleep_timeout_s=within_s,
        look_s=within_s,
        poll_s=0.002,
    )


@asynccontextmanager
async def facing(url: str, *, is_direct: bool = True, within_s: float = PATIENCE_S) -> AsyncIterator[VLLMEngine]:
    transport = Transport(is_direct=is_direct)
    if not is_direct:  # the first call reads certificates, which takes longer than the deadlines of some plays
        with pytest.raises(BatutaError):
            await transport.get_json("http://127.0.0.1:1/", timeout_s=PATIENCE_S)
    engine = engine_at(url, transport, within_s=within_s)
    yield engine
    await engine.aclose()
    await transport.aclose()


async def ask(engine: VLLMEngine, spec: ModelSpec = SPEC) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    request = ChatRequest("x", (Message("user", "a b"),), stream=True, deadline=deadline)
    async for _ in engine.chat(spec, request):
        pass


ACTIONS: dict[str, Callable[[VLLMEngine], Awaitable[object]]] = {
    "describe": lambda engine: engine.describe(),
    "list": lambda engine: engine.list_models(),
    "resident": lambda engine: engine.resident(),
    "load": lambda engine: engine.load(SPEC, lambda _: None),
    "chat": ask,
}


async def errors_of(engine: VLLMEngine) -> dict[str, BatutaError]:
    """Do everything there is to do; return what each ended with. A probe never raises."""
    errors = {}
    for name, action in ACTIONS.items():
        async with asyncio.timeout(2 * PATIENCE_S):
            with pytest.raises(BatutaError) as caught:
                await action(engine)
        errors[name] = caught.value
        assert KEY not in caught.value.message
    async with asyncio.timeout(2 * PATIENCE_S):
        status = await engine.probe(SPEC)
    assert status.health is EngineHealth.OFFLINE
    assert status.message
    return errors


def always(status: int, body: str, content_type: str = "application/json") -> Script:
    async def script(wire: Wire) -> None:
        await wire.answer(status, body.encode(), {"content-type": content_type})

    return script


STRANGERS = {
    "llama-server": (200, '{"object":"list","data":[{"id":"m","owned_by":"llamacpp"}]}', "owned by 'llamacpp'"),
    "LM Studio": (200, '{"error":"Unexpected endpoint or method. (GET /v1/models)"}', "it is no vLLM"),
    "Ollama": (200, '{"object":"list","data":[{"id":"m","owned_by":"library"}]}', "owned by 'library'"),
    "FastAPI": (404, '{"detail":"Not Found"}', "Not Found"),
    "another API": (200, '{"status":"ok"}', "it is no vLLM"),
    "an empty list": (200, '{"object":"list","data":[]}', "it is no vLLM"),
}


@both_clients
@pytest.mark.parametrize(("status", "body", "words"), STRANGERS.values(), ids=STRANGERS)
async def test_another_server_is_named(status: int, body: str, words: str, is_direct: bool) -> None:
    """Whoever answers at the address is named, with the advice to check it; no model is thought to be there."""
    async with (
        FaultyUpstream(always(status, body)) as upstream,
        facing(upstream.url, is_direct=is_direct) as engine,
    ):
        for error in (await errors_of(engine)).values():
            assert words in error.message
            assert "check the base URL" in error.message
            assert error.cause is Cause.ENGINE_OFFLINE


async def test_an_openai_compatible_server_is_not_put_to_sleep() -> None:
    """It may even have a model of that name: without vLLM's own rows nothing is done to it."""
    async with FakeOpenAI(["m"]) as upstream, facing(upstream.url) as engine:
        await errors_of(engine)
        await engine.unload(SPEC)
        assert not [request for request in upstream.requests if request.method == "POST"]


@both_clients
async def test_a_web_page_is_no_vllm(is_direct: bool) -> None:
    """HTML with a 200, as a router or a development server gives it, asks whether the address is right."""
    page = always(200, "<!doctype html><title>Welcome</title>", "text/html")
    async with FaultyUpstream(page) as upstream, facing(upstream.url, is_direct=is_direct) as engine:
        for error in (await errors_of(engine)).values():
            assert "is the base URL right?" in error.message


@both_clients
async def test_a_wrong_path_in_the_address_is_told(is_direct: bool) -> None:
    """A base URL with a path too many leads nowhere, and says so."""
    async with FakeVLLM([MODEL]) as server, facing(f"{server.url}/vllm/v1", is_direct=is_direct) as engine:
        for error in (await errors_of(engine)).values():
            assert "check the base URL" in error.message


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://user:secret@127.0.0.1:8000"])
async def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    """No scheme, another scheme, a password in it: refused before anything is asked, and without the password."""
    with pytest.raises(BadSettings) as caught:
        engine_at(url, Transport())
    assert "secret" not in caught.value.message


@both_clients
async def test_nobody_there_is_offline(is_direct: bool) -> None:
    """A refused connection asks whether it is running: a vLLM that is still loading refuses, too."""
    async with FakeVLLM([MODEL]) as server:
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
@pytest.mark.parametrize("script", [silence, half, cut_head, hang_up, noise], ids=lambda script: script.__name__)
async def test_half_open_and_broken_connections_end(script: Script, is_direct: bool) -> None:
    """Whatever a socket does, each question ends in time with an error of its kind."""
    async with (
        FaultyUpstream(script) as upstream,
        facing(upstream.url, is_direct=is_direct, within_s=QUICK_S) as engine,
    ):
        await errors_of(engine)


async def test_one_silent_route_does_not_hold_up_the_rest() -> None:
    """A server that lists its model and says no more is given up within the time of a look."""

    async def script(wire: Wire) -> None:
        if wire.request.path.endswith("/models"):
            await wire.answer(200, b'{"data":[{"id":"m","owned_by":"vllm"}]}', {"content-type": "application/json"})
        else:
            await wire.silence()

    async with FaultyUpstream(script) as upstream, facing(upstream.url, within_s=QUICK_S) as engine:
        errors = await errors_of(engine)
        assert "in time" in errors["resident"].message


async def test_a_restart_in_the_middle_is_seen_and_got_over() -> None:
    """The answer is broken, nothing is held while it is away, and what it serves afterwards is what counts."""
    async with FakeVLLM([MODEL]) as server, facing(server.url) as engine:
        server.play.token_s = 5
        deltas = engine.chat(SPEC, ChatRequest("x", (Message("user", "a b c"),), stream=True))
        first = asyncio.get_running_loop().create_task(anext(deltas))
        while not server.core.running:  # noqa: ASYNC110  # the fake tells nobody
            await asyncio.sleep(0.001)
        await server.stop()
        with pytest.raises(BatutaError):
            await first
        with pytest.raises(UpstreamUnreachable):
            await engine.resident()
        async with FakeVLLM([FakeModel("other", size=10)], port=server.port):
            assert [resident.address for resident in await engine.resident()] == ["other"]
            assert (await engine.probe(SPEC)).health is EngineHealth.ABSENT
            with pytest.raises(BatutaError, match="it was started with other"):
                await ask(engine)


async def test_a_restart_during_a_wake_up_fails_it() -> None:
    """Who waits is told; the next server starts awake, and answers."""
    async with FakeVLLM([MODEL], wake_s=5) as server, facing(server.url) as engine:
        await engine.sleep(SPEC)
        load = asyncio.get_running_loop().create_task(engine.load(SPEC, lambda _: None))
        while not server.core.wakes:  # noqa: ASYNC110  # the fake tells nobody
            await asyncio.sleep(0.001)
        await server.stop()
        with pytest.raises(BatutaError):
            await load
        assert engine.origin not in engine._loads
        async with FakeVLLM([MODEL], port=server.port):
            assert (await engine.load(SPEC, lambda _: None)).was_resident
            await ask(engine)


NAMES = (
    "org/a name with spaces",
    "modèle-ünïcode-模型",
    'quote"s',
    "pct%2Fpath?x=1#y",
    "/models/with/a/path.gguf",
    "name:tag",
)


@pytest.mark.parametrize("name", NAMES)
async def test_odd_names_work_like_any_other(name: str) -> None:
    """Slashes, colons, spaces, quotes and unicode: listed, asked, put to sleep and woken."""
    spec = replace(SPEC, id=f"v/{name}", address=name)
    async with FakeVLLM([FakeModel(name, size=10)]) as server, facing(server.url) as engine:
        assert [model.address for model in await engine.list_models()] == [name]
        await ask(engine, spec)
        await engine.unload(spec)
        await engine.load(spec, lambda _: None)
        await ask(engine, spec)


async def test_garbage_in_lists_hides_no_good_models() -> None:
    """A row that is none is left out; the others are there."""
    rows = '{"data":[null,7,{},{"id":5,"owned_by":"vllm"},{"id":"m","owned_by":"vllm","root":7,"max_model_len":"x"}]}'
    async with FakeVLLM([MODEL]) as server, facing(server.url) as engine:
        server.faults.append(Fault("/v1/models", status=200, body=rows))
        (model,) = await engine.list_models()
        assert (model.address, model.context_length) == ("m", 0)


@pytest.mark.parametrize("path", ["/is_sleeping", "/metrics", "/version", "/server_info"])
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_odd_answers_beside_the_list_break_nothing(path: str, status: int) -> None:
    """What a vLLM may well lack, or say otherwise, costs no more than what it would have told."""
    async with FakeVLLM([MODEL]) as server, facing(server.url) as engine:
        server.faults.append(Fault(path, status=status, body="<html>", content_type="text/html", times=-1))
        await engine.describe()
        await engine.list_models()
        assert (await engine.probe(SPEC)).health is EngineHealth.READY
        await ask(engine)
