"""The vLLM engine against the fake: states told truly, sleep in place of unloads, nothing asked of what sleeps."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.engines.base import (
    DescribedEngine,
    EngineHealth,
    LoadProgress,
    PassThroughEngine,
    RawCall,
    SleepingEngine,
)
from batuta.engines.local_loads import poll_until
from batuta.engines.transport import Transport
from batuta.engines.vllm.engine import VLLMEngine
from batuta.errors import (
    BatutaError,
    CannotUnload,
    Cause,
    KeyInvalid,
    ModelFailed,
    StreamBroken,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamUnreachable,
)
from batuta.testing.local_server import FakeModel, Fault, MemoryPool
from batuta.testing.vllm.server import FakeVLLM
from batuta.vault.secret import Secret

MODEL = FakeModel("Qwen/Qwen3-4B", size=1000)
ADAPTER = FakeModel("sql-lora", size=0)
KEY = "sk-test-not-a-key-vllm"


@dataclass(slots=True)
class Scene:
    """The engine and what it faces."""

    server: FakeVLLM
    engine: VLLMEngine

    def spec(self, name: str = MODEL.name, **fields: Any) -> ModelSpec:
        return ModelSpec(f"vllm/{name}", "vllm", name, is_local=True, is_loadable=True, **fields)

    async def load(self, **fields: Any) -> list[LoadProgress]:
        seen: list[LoadProgress] = []
        await self.engine.load(self.spec(**fields), seen.append)
        return seen

    async def chat(self, name: str = MODEL.name, text: str = "one two three", **fields: Any) -> list[Delta]:
        request = ChatRequest("x", (Message("user", text),), **({"stream": True} | fields))
        return [delta async for delta in self.engine.chat(self.spec(name), request)]

    async def said(self, name: str = MODEL.name, **fields: Any) -> str:
        return "".join(delta.text for delta in await self.chat(name, **fields))

    async def asleep(self) -> dict[str, bool]:
        return {resident.address: resident.is_asleep for resident in await self.engine.resident()}

    async def until_running(self) -> None:
        async def is_running() -> bool:
            return bool(self.server.core.running)

        assert await poll_until(is_running, poll_s=0.001, within_s=2)

    async def is_waking(self) -> bool:
        return bool(self.server.core.wakes)

    async def abort(self) -> None:
        """Put it to sleep as another program would, as soon as it answers somebody."""
        await self.until_running()
        await self.server.core.sleep(1, "abort")

    def asked(self, method: str, path: str) -> int:
        return self.server.seen.count((method, path))


@asynccontextmanager
async def facing(*models: FakeModel, is_local: bool = True, host: str = "", **options: Any) -> AsyncIterator[Scene]:
    """Play against a fake; what it was asked while it slept, it must not have been asked."""
    names = ("load_timeout_s", "sleep_timeout_s", "fresh_s", "sleep_level", "host_free", "hub")
    given = {name: options.pop(name) for name in names if name in options}
    options.setdefault("memory", MemoryPool(1500))
    async with FakeVLLM(models or (MODEL, ADAPTER), **options) as server:
        transport = Transport()
        url = f"http://{host}:{server.port}" if host else server.url
        provider = Provider("vllm", "vllm", base_url=f"{url}/v1", is_local=is_local)
        key = Secret(server.key) if server.key else None
        engine = VLLMEngine(provider, transport, key=key, poll_s=0.002, **given)
        yield Scene(server, engine)
        assert not [why for why in server.core.crashes if "asleep" in why]
        await engine.aclose()
        await transport.aclose()


# --- who and what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_as_people_copy_it(path: str) -> None:
    """With /v1 or without."""
    engine = VLLMEngine(Provider("v", "vllm", base_url=f"http://127.0.0.1:8000{path}"), Transport())
    assert engine.origin == "http://127.0.0.1:8000"
    assert isinstance(engine, PassThroughEngine)
    assert isinstance(engine, SleepingEngine)
    assert isinstance(engine, DescribedEngine)


async def test_it_says_who_answers_and_what_is_missing() -> None:
    """The version, and how to get what was not switched on."""
    async with facing(version="0.27.0") as scene:
        info = await scene.engine.describe()
        assert (info.version, info.note) == ("0.27.0", "")
    async with facing(has_sleep_routes=False) as scene:
        note = (await scene.engine.describe()).note
        assert "VLLM_SERVER_DEV_MODE=1" in note
        assert "--enable-sleep-mode" in note
    async with facing(enables_sleep=False) as scene:
        assert "without giving memory back" in (await scene.engine.describe()).note
    async with facing(has_sleep_routes=False, is_local=False) as scene:
        assert (await scene.engine.describe()).note == ""


async def test_its_configuration_is_asked_for_once() -> None:
    """The first answer takes vLLM seconds; a restart makes it worth asking again."""
    async with facing() as scene:
        for _ in range(3):
            await scene.engine.describe()
        assert scene.asked("GET", "/server_info") == 1
        scene.server.faults.append(Fault("/v1/models", cut=True, times=2))
        with pytest.raises(UpstreamFailed):
            await scene.engine.describe()
        await scene.engine.describe()
        assert scene.asked("GET", "/server_info") == 2


async def test_the_list_has_the_model_and_its_adapters(tmp_path: Path) -> None:
    """Context and residency for each; the size of the files on this disk for the model itself."""
    (tmp_path / "model.safetensors").write_bytes(bytes(700))
    model = replace(MODEL, context=4096, details={"root": str(tmp_path)})
    async with facing(model, ADAPTER) as scene:
        base, adapter = await scene.engine.list_models()
        assert (base.memory.weights, base.context_length, base.is_resident) == (700, 4096, True)
        assert (adapter.address, adapter.memory.weights, adapter.context_length) == ("sql-lora", 0, 4096)
        held = {resident.address: resident.memory_bytes for resident in await scene.engine.resident()}
        assert held == {MODEL.name: 700, "sql-lora": 0}
        await scene.engine.list_models()
        assert scene.asked("GET", "/metrics") == 1
        await scene.engine.sleep(scene.spec())
        assert [model.is_resident for model in await scene.engine.list_models()] == [False, False]


async def test_a_healthy_answer_is_not_taken_for_being_awake() -> None:
    """Asleep is asleep, whatever its health says; a name that it does not serve is told with what it does."""
    async with facing() as scene:
        probe = scene.engine.probe
        assert (await probe(scene.spec())).health is EngineHealth.READY
        await scene.engine.sleep(scene.spec())
        asleep = await probe(scene.spec())
        assert asleep.health is EngineHealth.ABSENT
        assert "asleep" in asleep.message
        missing = await probe(scene.spec("Qwen/Qwen3-8B"))
        assert missing.health is EngineHealth.ABSENT
        assert f"it was started with {MODEL.name}" in missing.message
        await scene.server.stop()
        assert (await probe(scene.spec())).health is EngineHealth.OFFLINE


async def test_a_dead_engine_is_offline() -> None:
    """A server whose engine has died answers, and can do nothing: what it held is gone."""
    async with facing() as scene:
        scene.server.core.die("scripted")
        status = await scene.engine.probe(scene.spec())
        assert status.health is EngineHealth.OFFLINE
        assert "its engine has died; start it again" in status.message
        with pytest.raises(UpstreamUnreachable) as caught:
            await scene.engine.resident()
        assert caught.value.cause is Cause.ENGINE_OFFLINE


async def test_the_key_goes_only_where_it_is_asked_for() -> None:
    """A wrong one is told; the right one lists, answers and warms up."""
    async with facing(key=KEY) as scene:
        await scene.engine.sleep(scene.spec())
        await scene.load()
        assert await scene.said() == "three two one"
        scene.server.key = "sk-test-not-a-key-other"
        with pytest.raises(KeyInvalid) as caught:
            await scene.engine.list_models()
        assert caught.value.cause is Cause.AUTH
        assert KEY not in caught.value.message
        with pytest.raises(KeyInvalid):
            await scene.chat()


# --- sleep and wake --------------------------------------------------------------------------------------------------


async def test_an_unload_is_a_sleep_and_a_load_wakes() -> None:
    """Level 1, with what is told of the way back, and a request for one token at the end."""
    async with facing(wake_s=0.001) as scene:
        await scene.engine.unload(scene.spec())
        assert scene.server.core.sleeps == [(1, "wait")]
        assert scene.server.memory.free == 1500
        assert await scene.asleep() == {MODEL.name: True, "sql-lora": True}
        seen = await scene.load()
        assert [progress.stage for progress in seen] == ["starting", "reading", "warming"]
        assert all(progress.fraction is None for progress in seen)
        assert scene.server.core.wakes == [()]
        path, body = scene.server.bodies[-1]
        assert (path, body["max_tokens"]) == ("/v1/completions", 1)
        assert await scene.said() == "three two one"


@pytest.mark.parametrize(("level", "fields"), [(2, {}), (1, {"options": {"sleep_level": 2}})])
async def test_a_deep_sleep_is_undone_in_order(level: int, fields: dict[str, Any]) -> None:
    """Weights, reading them again, cache; so that no garbage is ever answered."""
    async with facing(sleep_level=level) as scene:
        await scene.engine.sleep(scene.spec(**fields))
        assert scene.server.core.sleeps == [(2, "wait")]
        await scene.load(**fields)
        assert scene.server.core.wakes == [("weights",), ("kv_cache",)]
        assert await scene.said() == "three two one"


async def test_it_sleeps_deep_where_the_host_has_no_room(tmp_path: Path) -> None:
    """Level 1 would keep the weights in the host's memory."""
    (tmp_path / "model.safetensors").write_bytes(bytes(700))
    model = replace(MODEL, details={"root": str(tmp_path)})
    async with facing(model, host_free=lambda: 1 << 30) as scene:
        await scene.load()
        await scene.engine.sleep(scene.spec())
        assert scene.server.core.sleeps == [(2, "wait")]


async def test_a_sleep_that_somebody_else_began_is_undone_as_the_deepest() -> None:
    """Nobody tells how deep it sleeps; reading the weights once too often does no harm."""
    async with facing() as scene:
        await scene.server.core.sleep(2, "abort")
        assert await scene.asleep() == {MODEL.name: True, "sql-lora": True}
        await scene.load()
        assert await scene.said() == "three two one"
        await scene.engine.sleep(scene.spec())
        await scene.server.core.wake(())
        await scene.load()
        await scene.server.core.sleep(2, "abort")
        await scene.load()
        assert await scene.said() == "three two one", "what we knew of our own sleep is not taken for this one"


async def test_nothing_is_asked_of_a_model_that_sleeps() -> None:
    """A request is refused here, as one for a model that is not in memory: the next lease wakes it."""
    async with facing(fresh_s=0.0) as scene:
        await scene.server.core.sleep(1, "abort")
        call = RawCall("chat/completions", b"{}", False, asyncio.get_running_loop().time() + 5)
        spec, engine = scene.spec(), scene.engine
        for ask in (scene.chat(), engine.embed(spec, ["a"]), engine.forward(spec, call)):
            with pytest.raises(UpstreamUnreachable, match="is asleep"):
                await ask
        assert not scene.server.bodies


async def test_other_programs_are_let_finish_before_a_sleep() -> None:
    """A stream of somebody else's comes to its end; who goes on for ever keeps the model in memory."""
    async with facing(sleep_timeout_s=2.0) as scene:
        scene.server.play.token_s = 0.01
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(scene.said())
            await scene.until_running()
            await scene.engine.sleep(scene.spec())
        assert answer.result() == "three two one"
    async with facing(sleep_timeout_s=0.01) as scene:
        scene.server.play.token_s = 0.2
        async with asyncio.TaskGroup() as group:
            group.create_task(scene.said(text="one two"))
            await scene.until_running()
            with pytest.raises(ModelFailed, match="still answers other programs") as caught:
                await scene.engine.sleep(scene.spec())
        assert caught.value.cause is Cause.TIMEOUT
        assert scene.server.core.sleeps == []
        scene.server.play.token_s = 0.0
        assert await scene.said() == "three two one"


async def test_an_answer_that_somebody_aborts_is_no_whole_answer() -> None:
    """A stream that another program's sleep ends, in good form, is broken; so is an answer in one piece."""
    async with facing() as scene:
        for stream, error in ((True, StreamBroken), (False, UpstreamFailed)):
            scene.server.play.token_s = 0.5
            ended, _ = await asyncio.gather(scene.chat(stream=stream), scene.abort(), return_exceptions=True)
            assert isinstance(ended, error)
            assert "put to sleep" in ended.message
            scene.server.play.token_s = 0.0
            await scene.load()


async def test_a_stream_that_is_aborted_after_its_first_word_breaks() -> None:
    """What was said is out; the end is an error, with the reason."""
    async with facing() as scene:
        scene.server.play.token_s = 0.01
        deltas = scene.engine.chat(scene.spec(), ChatRequest("x", (Message("user", "word " * 50),), stream=True))
        assert (await anext(deltas)).text == "word"
        await scene.server.core.sleep(1, "abort")
        with pytest.raises(StreamBroken, match="put to sleep"):
            async for _ in deltas:
                pass


async def test_what_cannot_sleep_stays() -> None:
    """An unload is refused with how to switch sleep on, and changes nothing; a load finds it there."""
    async with facing(has_sleep_routes=False) as scene:
        for leave in (scene.engine.sleep, scene.engine.unload):
            with pytest.raises(CannotUnload, match=r"VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode"):
                await leave(scene.spec())
        report = await scene.engine.load(scene.spec(), lambda _: None)
        assert report.was_resident
        assert "--enable-sleep-mode" in report.fixed
        assert (await scene.engine.resident())[0].fixed == report.fixed
        assert await scene.said() == "three two one"
        assert scene.asked("POST", "/sleep") == 0
    async with facing(enables_sleep=False) as scene:
        with pytest.raises(CannotUnload, match="without giving memory back"):
            await scene.engine.sleep(scene.spec())


async def test_the_sleep_of_another_machine_is_left_alone() -> None:
    """Those routes ask for no key: Batuta changes nothing by them but on an address that is this machine."""
    async with facing() as scene:
        scene.engine._api.is_here = False
        with pytest.raises(CannotUnload, match="not on this machine"):
            await scene.engine.sleep(scene.spec())
        await scene.server.core.sleep(1, "abort")
        with pytest.raises(ModelFailed, match="not on this machine"):
            await scene.load()
        assert scene.asked("POST", "/sleep") == scene.asked("POST", "/wake_up") == 0


async def test_an_adapter_goes_and_comes_with_its_base() -> None:
    """It has no memory of its own: it cannot be unloaded alone, and loading it wakes the base."""
    async with facing() as scene:
        held = {resident.address: resident.fixed for resident in await scene.engine.resident()}
        assert held == {MODEL.name: "", "sql-lora": f"it is an adapter of {MODEL.name}, and goes and comes with that"}
        with pytest.raises(CannotUnload, match="adapter"):
            await scene.engine.unload(scene.spec("sql-lora"))
        assert await scene.asleep() == {MODEL.name: False, "sql-lora": False}
        await scene.engine.unload(scene.spec())
        await scene.engine.load(scene.spec("sql-lora"), lambda _: None)
        assert await scene.said("sql-lora") == await scene.said() == "three two one"


async def test_an_unload_waits_for_a_wake_up_under_way() -> None:
    """It cannot be stopped in the middle of one; afterwards it sleeps, and holds nothing."""
    async with facing(wake_s=0.3) as scene:
        await scene.engine.sleep(scene.spec())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await scene.load()
        assert await poll_until(scene.is_waking, poll_s=0.001, within_s=2)
        assert scene.engine.origin in scene.engine._loads
        assert (await scene.engine.probe(scene.spec())).health is EngineHealth.LOADING
        assert [resident.is_loading for resident in await scene.engine.resident()] == [True, True]
        await scene.engine.unload(scene.spec())
        assert await scene.asleep() == {MODEL.name: True, "sql-lora": True}
        assert scene.server.memory.free == 1500


async def test_memory_that_comes_back_late_is_waited_for() -> None:
    """A wake-up that finds no room is tried again for some seconds."""
    async with facing(memory=MemoryPool(1500, late_s=math.inf)) as scene:
        await scene.engine.sleep(scene.spec())
        assert scene.server.memory.free == 500
        asyncio.get_running_loop().call_later(0.02, scene.server.memory.bring_back)
        await scene.load()
        assert await scene.said() == "three two one"


async def test_a_model_that_embeds_is_warmed_up_by_embedding() -> None:
    """Where even that is refused, it is awake all the same."""
    async with facing(FakeModel("bge-m3", size=10, is_embedding=True)) as scene:
        spec = scene.spec("bge-m3", capabilities=frozenset({Capability.EMBEDDING}))
        for each in (spec, scene.spec("bge-m3")):
            await scene.engine.sleep(each)
            await scene.engine.load(each, lambda _: None)
        assert [path for path, _ in scene.server.bodies] == ["/v1/embeddings", "/v1/completions"]
        assert len((await scene.engine.embed(spec, ["a", "b"])).vectors) == 2


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_a_wake_up_that_fails_is_told() -> None:
    """In vLLM's words while it lives; as a dead engine when that was its end."""
    async with facing() as scene:
        await scene.engine.sleep(scene.spec())
        scene.server.core.wake_error = "RuntimeError: oops"
        with pytest.raises(UpstreamFailed, match="oops") as failed:
            await scene.load()
        assert failed.value.model == scene.spec().id
        assert await scene.asleep() == {MODEL.name: True, "sql-lora": True}
        scene.server.core.wake_error, scene.server.core.dies_on_wake = "CUDA Error", True
        with pytest.raises(UpstreamUnreachable, match="has died") as died:
            await scene.load()
        assert died.value.cause is Cause.ENGINE_OFFLINE


async def test_a_wake_up_without_room_says_so() -> None:
    """Out of memory is named as such, for the one retry on an empty device."""
    async with facing(load_timeout_s=0.05) as scene:
        await scene.engine.sleep(scene.spec())
        assert scene.server.memory.take("other", 1400)
        with pytest.raises(ModelFailed) as caught:
            await scene.load()
        assert caught.value.cause in {Cause.OUT_OF_MEMORY, Cause.TIMEOUT}


async def test_a_wake_up_that_never_ends_is_given_up() -> None:
    """After its time, with the time in the words."""
    async with facing(load_timeout_s=0.03, wake_s=0.5) as scene:
        await scene.engine.sleep(scene.spec())
        with pytest.raises(ModelFailed, match=r"0\.03 s to wake up") as caught:
            await scene.load()
        assert caught.value.cause is Cause.TIMEOUT


async def test_a_load_of_what_it_does_not_serve_fails_at_once() -> None:
    """Not installed, with the nearest name it has."""
    async with facing() as scene:
        with pytest.raises(ModelFailed) as caught:
            await scene.engine.load(scene.spec("Qwen/Qwen3-4b"), lambda _: None)
        assert caught.value.cause is Cause.NOT_INSTALLED
        assert caught.value.suggestion == f"vllm/{MODEL.name}"


async def test_an_unload_of_what_is_not_running_is_done() -> None:
    """Nothing outlives its server; a load says that it has to be started."""
    async with facing() as scene:
        await scene.server.stop()
        await scene.engine.unload(scene.spec())
        with pytest.raises(UpstreamUnreachable, match="is it running"):
            await scene.load()


@pytest.mark.parametrize(
    ("status", "body", "error", "cause"),
    [
        (404, '{"error":{"message":"The model `m` does not exist.","code":404}}', ModelFailed, Cause.NOT_INSTALLED),
        (400, '{"error":{"message":"bad","type":"BadRequestError","code":400}}', UpstreamRejected, None),
        (401, '{"error":"Unauthorized"}', KeyInvalid, Cause.AUTH),
        (500, '{"error":{"message":"EngineCore encountered an issue.","code":500}}', UpstreamFailed, Cause.CRASH),
        (500, "Internal Server Error", UpstreamFailed, Cause.UNKNOWN),
    ],
)
async def test_its_errors_have_their_names(status: int, body: str, error: type[BatutaError], cause: Cause) -> None:
    """Each answer that is none is one row of the table of faults."""
    async with facing() as scene:
        scene.server.faults.append(Fault("/v1/chat/completions", status=status, body=body))
        with pytest.raises(error) as caught:
            await scene.chat()
        assert caught.value.cause is cause


async def test_a_crash_in_the_middle_breaks_the_stream() -> None:
    """After the first word it is a broken stream, with the crash as its reason; then the engine is seen dead."""
    async with facing() as scene:
        scene.server.play.die_after = 1
        deltas = scene.engine.chat(scene.spec(), ChatRequest("x", (Message("user", "a b"),), stream=True))
        await anext(deltas)
        with pytest.raises(StreamBroken, match="EngineCore"):
            await anext(deltas)
        with pytest.raises(UpstreamUnreachable, match="has died"):
            await scene.chat()


async def test_a_busy_server_that_does_not_answer_looks_is_believed() -> None:
    """A look that takes too long is not held against a model that was seen awake."""
    async with facing(fresh_s=0.0) as scene:
        await scene.engine.resident()
        scene.engine._sight._look_s = 0.02
        scene.server.faults.append(Fault("/v1/models", delay_s=0.1, times=1))
        assert await scene.said() == "three two one"


async def test_a_proxy_that_guards_more_than_vllm_does_hides_sleep_only() -> None:
    """Answers go on; there is just nothing to be told of sleep."""
    async with facing() as scene:
        for path in ("/is_sleeping", "/health", "/version"):
            scene.server.faults.append(Fault(path, status=401, body='{"error":"Unauthorized"}', times=-1))
        assert await scene.said() == "three two one"
        assert "VLLM_SERVER_DEV_MODE" in (await scene.engine.describe()).note
