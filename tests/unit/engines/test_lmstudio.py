"""The LM Studio engine in front of the fake: looking, loading, unloading, talking, and what it refuses to cause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import orjson
import pytest

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.base import (
    LOST,
    DescribedEngine,
    EngineHealth,
    LoadableEngine,
    LoadProgress,
    PassThroughEngine,
    RawCall,
)
from batuta.engines.lmstudio.engine import LMStudioEngine
from batuta.engines.transport import Transport
from batuta.errors import (
    BatutaError,
    CannotUnload,
    Cause,
    KeyInvalid,
    ModelFailed,
    StreamBroken,
    UpstreamFailed,
    UpstreamUnreachable,
)
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, Fault, MemoryPool
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-lmstudio"
LOAD, UNLOAD = ("POST", "/api/v1/models/load"), ("POST", "/api/v1/models/unload")
CHAT_PATH = ("POST", "/v1/chat/completions")
CHAT, BIG, VECTORS = "qwen/qwen3-4b", "gemma-3-12b-it", "nomic"


def spec(address: str, **more: object) -> ModelSpec:
    model = ModelSpec(
        id=f"lmstudio/{address}",
        provider_id="lmstudio",
        address=address,
        context_length=4096,
        memory=MemoryNeed(weights=GIB),
        is_local=True,
        is_loadable=True,
    )
    return replace(model, **more)  # type: ignore[arg-type]  # fields by name


SPEC, BIG_SPEC = spec(CHAT), spec(BIG)
VECTOR_SPEC = spec(VECTORS, capabilities=frozenset({Capability.EMBEDDING}))


@dataclass
class Stage:
    """An engine, the fake behind it, and what the engine told."""

    engine: LMStudioEngine
    server: FakeLMStudio
    gone: list[tuple[str, str]] = field(default_factory=list)
    progress: list[LoadProgress] = field(default_factory=list)

    async def load(self, model: ModelSpec = SPEC) -> None:
        await self.engine.load(model, self.progress.append)

    async def said(self, model: ModelSpec = SPEC, text: str = "one two", *, stream: bool = True) -> str:
        request = ChatRequest("m", (Message("user", text),), stream=stream)
        return "".join([delta.text async for delta in self.engine.chat(model, request)])

    async def bytes_of(self, model: ModelSpec = SPEC, *, stream: bool, text: str = "one two") -> bytes:
        body = {"model": self.engine.wire_name(model), "messages": [{"role": "user", "content": text}]}
        deadline = asyncio.get_running_loop().time() + 5
        call = RawCall("chat/completions", orjson.dumps({**body, "stream": stream}), stream, deadline)
        reply = await self.engine.forward(model, call)
        try:
            return b"".join([chunk async for chunk in reply.chunks()]) if stream else await reply.read()
        finally:
            await reply.aclose()

    @property
    def held(self) -> list[str]:
        return sorted(self.server.shelf.instances)

    def calls(self, what: tuple[str, str]) -> int:
        return self.server.seen.count(what)


def models(load_s: float = 0.0) -> list[FakeModel]:
    return [
        FakeModel(CHAT, size=3 * GIB, load_s=load_s, context=32768),
        FakeModel(BIG, size=8 * GIB, load_s=load_s, context=8192),
        FakeModel(VECTORS, size=GIB // 8, load_s=load_s, is_embedding=True),
    ]


@asynccontextmanager
async def stage(
    *, load_s: float = 0.0, load_timeout_s: float = 5.0, fresh_s: float = 1.0, token: str | None = None, **how: object
) -> AsyncIterator[Stage]:
    async with FakeLMStudio(models(load_s), **how) as server:  # type: ignore[arg-type]  # settings by name
        transport = Transport()
        provider = Provider("lmstudio", "lmstudio", base_url=f"{server.url}/v1", is_local=True)
        key = Secret(token) if token else None
        engine = LMStudioEngine(
            provider, transport, key=key, poll_s=0.002, load_timeout_s=load_timeout_s, fresh_s=fresh_s
        )
        playing = Stage(engine, server)
        engine.watch(lambda model, reason: playing.gone.append((model, reason)))
        yield playing
        await engine.aclose()
        await transport.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not is_so():  # noqa: ASYNC110  # what is waited for happens in a server that knows no events
            await asyncio.sleep(0.001)


async def fails(work: AsyncIterator[object] | object, kind: type[BatutaError], cause: Cause | None) -> str:
    """Expect an error; return its message."""
    with pytest.raises(kind) as caught:
        await work  # type: ignore[misc]  # any awaitable
    assert caught.value.cause is cause
    return caught.value.message


# --- who and what ----------------------------------------------------------------------------------------------------


async def test_it_is_what_the_gateway_wants() -> None:
    """It passes bytes through, loads and unloads, and says who it is."""
    async with stage() as play:
        for protocol in (PassThroughEngine, LoadableEngine, DescribedEngine):
            assert isinstance(play.engine, protocol)
        assert play.server.url.removeprefix("http://") in repr(play.engine)


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/api/v0", "/api/v1"])
async def test_any_form_of_its_address_will_do(tail: str) -> None:
    """With or without the path of one of its APIs, its origin is kept."""
    async with stage() as play:
        engine = LMStudioEngine(
            Provider("p", "lmstudio", base_url=play.server.url + tail), play.engine._api._transport, poll_s=0.002
        )
        assert engine.origin == play.server.url
        assert (await engine.describe()).note == ""


@pytest.mark.parametrize(
    ("version", "note"), [("0.3.5", "older than 0.3.6"), ("0.3.16", "older than 0.4"), ("0.4.2", ""), ("1.1.7", "")]
)
async def test_each_generation_says_what_it_lacks(version: str, note: str) -> None:
    """The generation is told by what answers; what it cannot do is a note, with the advice to update."""
    async with stage(version=version) as play:
        info = await play.engine.describe()
        assert note in info.note
        assert ("update it" in info.note) is bool(note)
        assert [model.address for model in await play.engine.list_models()] == [CHAT, BIG, VECTORS]


async def test_a_newer_version_after_a_restart_is_noticed() -> None:
    """An update in the middle changes how it is talked to, with no word from anybody."""
    async with stage(version="0.3.16") as play:
        assert (await play.engine.describe()).note
        await play.server.stop()
        async with FakeLMStudio(models(), version="0.4.2", port=play.server.port):
            assert not (await play.engine.describe()).note


async def test_states_are_told_apart() -> None:
    """Installed, on its way in, loaded and not installed are four answers, the last with the nearest name."""
    async with stage(load_s=0.05) as play:
        assert (await play.engine.probe(SPEC)).message == f"{CHAT} is installed, not loaded"
        play.server.shelf.begin(play.server.shelf.models[CHAT])  # in LM Studio's own window
        assert (await play.engine.probe(SPEC)).health is EngineHealth.LOADING
        assert [(one.address, one.is_loading) for one in await play.engine.resident()] == [(CHAT, True)]
        await until(lambda: bool(play.server.shelf.ready()))
        assert (await play.engine.probe(SPEC)).health is EngineHealth.READY
        status = await play.engine.probe(spec("qwen3-4b"))
        assert status.health is EngineHealth.ABSENT
        assert f"the nearest it has is {CHAT}" in status.message
        await play.server.stop()
        status = await play.engine.probe(SPEC)
        assert status.health is EngineHealth.OFFLINE
        assert "is it running?" in status.message


async def test_a_token_is_sent_and_a_wrong_one_is_named() -> None:
    """With the token all is well; without it the key is to blame, and no message shows one."""
    async with stage(key=KEY, token=KEY) as play:
        await play.load()
        assert await play.said() == "two one"
    async with stage(key=KEY, token="sk-test-not-a-key-wrong") as play:
        message = await fails(play.engine.describe(), KeyInvalid, Cause.AUTH)
        assert "not-a-key" not in message


# --- in --------------------------------------------------------------------------------------------------------------


async def test_loads_at_the_same_time_are_one() -> None:
    """LM Studio would make a copy a call; ten callers make one, and progress is an honest None."""
    async with stage(load_s=0.01) as play:
        reports = await asyncio.gather(*(play.engine.load(SPEC, play.progress.append) for _ in range(10)))
        assert play.calls(LOAD) == 1
        assert play.held == [CHAT]
        assert {report.memory_bytes for report in reports} == {3 * GIB + 3 * GIB // 10}
        assert {step.fraction for step in play.progress} == {None}
        assert play.server.bodies == [(LOAD[1], {"model": CHAT, "context_length": 4096})]
        assert (await play.engine.load(SPEC, play.progress.append)).was_resident
        assert play.calls(LOAD) == 1


async def test_a_load_that_somebody_else_began_is_waited_for() -> None:
    """What is on its way in is not loaded a second time."""
    async with stage(load_s=0.03) as play:
        play.server.shelf.begin(play.server.shelf.models[CHAT])
        await play.load()
        assert (play.calls(LOAD), play.held) == (0, [CHAT])


async def test_copies_that_came_in_beside_ours_are_taken_out() -> None:
    """A request of another program's that loads the model meanwhile leaves a copy, which is unloaded."""
    async with stage(load_s=0.03) as play:
        loading = asyncio.get_running_loop().create_task(play.load())
        await until(lambda: play.calls(LOAD) == 1 and bool(play.held))
        for instance in play.server.shelf.instances.values():
            instance.model.load_s = 0.0
        play.server.shelf.begin(play.server.shelf.models[CHAT])
        await loading
        assert play.held == [CHAT]
        assert play.calls(UNLOAD) == 1


@pytest.mark.parametrize("cuts", [1, 2])
async def test_trouble_with_the_connection_is_met_with_another_try(cuts: int) -> None:
    """A load whose connection breaks is tried again, after a look at what came of it."""
    async with stage() as play:
        play.server.faults.append(Fault(LOAD[1], cut=True, times=cuts))
        await play.load()
        assert play.calls(LOAD) == cuts + 1


async def test_trouble_that_stays_is_told() -> None:
    """After the last try the caller hears what it was."""
    async with stage() as play:
        play.server.faults.append(Fault(LOAD[1], cut=True, times=-1))
        await fails(play.load(), UpstreamFailed, Cause.CRASH)
        assert play.calls(LOAD) == 3
        await play.server.stop()
        assert "is it running?" in await fails(play.load(), UpstreamUnreachable, Cause.ENGINE_OFFLINE)


async def test_a_load_that_does_not_end_is_given_up() -> None:
    """The time limit is the load's own, and the message tells it."""
    async with stage(load_s=30, load_timeout_s=0.05) as play:
        assert "0.05 s" in await fails(play.load(), ModelFailed, Cause.TIMEOUT)


async def test_no_room_and_a_bad_file_are_told_apart() -> None:
    """The engine's words decide: too little memory, or another failure, never `the request is wrong`."""
    async with stage(memory=MemoryPool(4 * GIB)) as play:
        await fails(play.load(BIG_SPEC), ModelFailed, Cause.OUT_OF_MEMORY)
        play.server.shelf.broken[CHAT] = "the tokenizer is not known"
        assert "the tokenizer is not known" in await fails(play.load(), ModelFailed, Cause.UNKNOWN)
        play.server.faults.append(
            Fault(LOAD[1], status=400, body='{"error":{"type":"invalid_request","message":"bad field"}}')
        )
        assert "bad field" in await fails(play.load(), ModelFailed, Cause.UNKNOWN)


async def test_memory_that_comes_back_late_is_waited_for() -> None:
    """A load just after an unload is tried until the bytes are back."""
    async with stage(memory=MemoryPool(9 * GIB, late_s=0.2)) as play:
        await play.load(BIG_SPEC)
        await play.engine.unload(BIG_SPEC)
        await play.load()
        assert play.held == [CHAT]
        assert play.calls(LOAD) > 2


async def test_what_is_not_installed_is_named_with_the_nearest() -> None:
    """No load is tried for a model that is not there; the suggestion is an id of the catalog."""
    async with stage() as play:
        with pytest.raises(ModelFailed, match=f"does not have the model: qwen3-4b; the nearest it has is {CHAT}") as e:
            await play.load(spec("qwen3-4b"))
        assert (e.value.cause, e.value.suggestion) == (Cause.NOT_INSTALLED, f"lmstudio/{CHAT}")
        assert "lms get" in await fails(play.load(spec("zzz")), ModelFailed, Cause.NOT_INSTALLED)
        assert play.calls(LOAD) == 0


# --- out -------------------------------------------------------------------------------------------------------------


async def test_an_unload_takes_every_copy() -> None:
    """All copies of the model go, other models stay, and nobody is told that something is lost."""
    async with stage() as play:
        await play.load()
        await play.server.shelf.load(play.server.shelf.models[CHAT])
        await play.load(VECTOR_SPEC)
        await play.engine.unload(SPEC)
        assert play.held == [VECTORS]
        await play.engine.resident()
        assert not play.gone


async def test_an_unload_ends_a_load_under_way() -> None:
    """Who waits for the load hears that it was stopped, and no copy is left over."""
    async with stage(load_s=0.03) as play:
        loading = asyncio.get_running_loop().create_task(play.load())
        await until(lambda: bool(play.held))
        await play.engine.unload(SPEC)
        assert "was stopped" in await fails(loading, ModelFailed, Cause.UNKNOWN)
        assert not play.held


async def test_nothing_is_left_of_a_model_whose_program_is_gone() -> None:
    """An unload at an LM Studio that does not run is done."""
    async with stage() as play:
        await play.load()
        await play.server.stop()
        await play.engine.unload(SPEC)


# --- versions without management -------------------------------------------------------------------------------------


async def test_version_0_3_loads_by_a_request_for_one_token() -> None:
    """The request carries a TTL; an unload is beyond the version, which is known before, and says what to do."""
    async with stage(version="0.3.16", is_evicting=False) as play:
        assert (await play.engine.load(SPEC, play.progress.append)).memory_bytes == GIB  # as the catalog said
        path, body = play.server.bodies[0]
        assert (path, body["max_tokens"], body["ttl"]) == ("/api/v0/chat/completions", 1, 3600)
        await play.load(replace(VECTOR_SPEC, ttl_s=60.0))
        assert play.server.bodies[1] == ("/api/v0/embeddings", {"model": VECTORS, "input": ".", "ttl": 60})
        assert await play.said(text="a b") == "b a"
        assert "eject" in await fails(play.engine.unload(VECTOR_SPEC), CannotUnload, Cause.UNKNOWN)
        assert {f"or eject {each.address} there" in each.fixed for each in await play.engine.resident()} == {True}
        await play.engine.unload(BIG_SPEC)  # was not there


async def test_version_0_3_throws_out_what_it_loaded_before() -> None:
    """There every load is a just-in-time one: the next takes the last one out, and that is noticed."""
    async with stage(version="0.3.16") as play:
        await play.load()
        await play.load(VECTOR_SPEC)
        assert play.held == [VECTORS]
        assert [model for model, _ in play.gone] == [SPEC.id]


@pytest.mark.parametrize("loaded", [0, 1, 2])
async def test_version_0_3_without_jit_says_what_to_switch_on(loaded: int) -> None:
    """Whether nobody, somebody else or an error answers the request that should load: the advice is the same."""
    async with stage(version="0.3.16", is_jit_on=False) as play:
        for _ in range(loaded):
            await play.server.shelf.load(play.server.shelf.models[BIG])
        assert "just-in-time loading" in await fails(play.load(), ModelFailed, Cause.UNKNOWN)


async def test_a_version_that_tells_nothing_is_too_old() -> None:
    """Before 0.3.6 nothing is loaded, and nothing pretends that it was."""
    async with stage(version="0.3.5") as play:
        assert "older than 0.3.6" in await fails(play.load(), UpstreamFailed, Cause.UNKNOWN)
        assert await play.engine.resident() == ()
        assert "update it" in (await play.engine.probe(SPEC)).message


# --- what went by itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ejected", "crashed", "stopped"])
async def test_a_model_that_went_is_told(how: str) -> None:
    """Ejected in the app, crashed or gone with its program: the watchers hear of it once, and it is not blamed."""
    async with stage() as play:
        await play.load()
        if how == "stopped":
            await play.server.stop()
        else:
            play.server.crash(CHAT)
        for _ in range(2):
            await play.engine.probe(SPEC)
        assert [model for model, _ in play.gone] == [SPEC.id]
        assert play.gone[0][1].startswith(LOST)


# --- talking ---------------------------------------------------------------------------------------------------------


async def test_a_request_never_loads_a_model() -> None:
    """What is not in memory is not asked: just-in-time loading would throw out others and make copies."""
    async with stage() as play:
        assert CHAT in await fails(play.said(), UpstreamUnreachable, Cause.UNKNOWN)
        await fails(play.bytes_of(stream=True), UpstreamUnreachable, Cause.UNKNOWN)
        await fails(play.engine.embed(VECTOR_SPEC, ["x"]), UpstreamUnreachable, Cause.UNKNOWN)
        await fails(play.said(spec("nobody")), ModelFailed, Cause.NOT_INSTALLED)
        assert not play.held
        assert not play.server.bodies


async def test_one_look_speaks_for_many_requests() -> None:
    """Requests within a second of a look cost no further one."""
    async with stage() as play:
        await play.load()
        looks = len([path for _, path in play.server.seen if path.startswith("/api/")])
        await asyncio.gather(*(play.said(stream=number % 2 == 0) for number in range(8)))
        assert len([path for _, path in play.server.seen if path.startswith("/api/")]) == looks


async def test_a_copy_is_asked_by_its_own_name() -> None:
    """Where only a copy of another name is in memory, requests name it, even those written before it was known."""
    async with stage(fresh_s=0.0) as play:
        await play.server.shelf.load(play.server.shelf.models[CHAT], identifier="mine")
        assert b"two one" in (await play.bytes_of(stream=False)).replace(b"\n", b"")
        assert await play.said() == "two one"
        assert {body["model"] for _, body in play.server.bodies} == {"mine"}
        assert play.held == ["mine"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_answer_by_another_model_is_no_answer(stream: bool) -> None:
    """When the model has gone and another answers in its place, not one word of that gets through."""
    async with stage(is_jit_on=False) as play:
        await play.load()
        play.server.crash(CHAT)
        await play.server.shelf.load(play.server.shelf.models[BIG])
        message = await fails(play.said(stream=stream), UpstreamUnreachable, Cause.UNKNOWN)
        assert f"{BIG} instead of {CHAT}" in message
        assert play.gone == [(SPEC.id, play.gone[0][1])]
        await play.load()
        play.server.crash(CHAT)
        if stream:
            with pytest.raises(UpstreamUnreachable):
                await play.bytes_of(stream=True)
        else:
            await fails(play.bytes_of(stream=False), UpstreamUnreachable, Cause.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause"),
    [
        (200, '{"error":"Unexpected endpoint or method. (POST /v1/chat/completions)"}', UpstreamFailed, Cause.UNKNOWN),
        (200, '{"error":{"message":"Model unloaded."}}', UpstreamUnreachable, Cause.UNKNOWN),
        (400, '{"error":"Model is unloaded."}', UpstreamUnreachable, Cause.UNKNOWN),
        (400, '{"error":"The model has crashed without additional information."}', UpstreamFailed, Cause.CRASH),
        (503, "queue full", BatutaError, Cause.UNKNOWN),
        (500, '{"error":"Failed to load model \\"x\\". Error: Operation canceled."}', ModelFailed, Cause.UNKNOWN),
    ],
)
async def test_errors_are_what_they_say(status: int, body: str, kind: type[BatutaError], cause: Cause) -> None:
    """An error with 200 is an error; the engine's words are mapped by the one table."""
    async with stage() as play:
        await play.load()
        play.server.faults.append(Fault(CHAT_PATH[1], status=status, body=body))
        await fails(play.said(stream=False), kind, cause)
        assert await play.said() == "two one"  # it is still there, and the next look knows


async def test_a_stream_that_breaks_is_told_with_its_reason() -> None:
    """A crash leaves its words, an eviction only a cut; the watchers hear of both."""
    async with stage(token_s=0.003) as play:
        for ending in ("crash", "eviction"):
            await play.load()
            deltas = play.engine.chat(SPEC, ChatRequest("m", (Message("user", "word " * 60),), stream=True))
            while not (await anext(deltas)).text:
                pass
            if ending == "crash":
                play.server.crash(CHAT)
            else:
                for instance in play.server.shelf.of(CHAT):
                    play.server.shelf.drop(instance, "Model unloaded.")
            with pytest.raises(StreamBroken) as caught:
                _ = [delta async for delta in deltas]
            assert caught.value.cause is Cause.CRASH
        assert [model for model, _ in play.gone] == [SPEC.id, SPEC.id]


async def test_vectors_come_from_the_model_that_makes_them() -> None:
    """Embeddings go by the same rules."""
    async with stage() as play:
        await play.load(VECTOR_SPEC)
        assert len((await play.engine.embed(VECTOR_SPEC, ["a", "b"])).vectors) == 2
