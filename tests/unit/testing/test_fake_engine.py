"""The fake engine's script. Its promises as an engine are held by tests/contract."""

from __future__ import annotations

import asyncio

import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.engines.base import EngineHealth, LoadableEngine, LoadProgress, PassThroughEngine
from batuta.errors import (
    BadModelFile,
    BatutaError,
    Cause,
    LoaderDown,
    ModelFailed,
    StreamBroken,
    UpstreamFailed,
    UpstreamUnreachable,
)
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine, FakePassThroughEngine, FakeRemoteEngine

REQUEST = ChatRequest("m", (Message("user", "one two three"),))


def spec(model: str = "m", size: int = 10) -> ModelSpec:
    return ModelSpec(model, "local", model, memory=MemoryNeed(weights=size), is_loadable=True)


async def ready(clock: ManualClock, engine: FakeEngine, *specs: ModelSpec) -> None:
    async with asyncio.TaskGroup() as group:
        for one in specs:
            group.create_task(engine.load(one, lambda _: None))
        await clock.advance(100)


def test_the_three_kinds_are_what_they_say() -> None:
    """Only what holds models is loadable, only what takes bytes passes through."""
    clock = ManualClock()
    kinds = [FakeRemoteEngine(clock), FakeEngine(clock), FakePassThroughEngine(clock)]
    assert [isinstance(engine, LoadableEngine) for engine in kinds] == [False, True, True]
    assert [isinstance(engine, PassThroughEngine) for engine in kinds] == [False, False, True]


async def test_a_load_takes_its_time_and_tells_how_far_it_is() -> None:
    """A load ends when its seconds have passed on the clock, with growing progress before."""
    clock, seen = ManualClock(), list[LoadProgress]()
    engine = FakeEngine(clock, load_s=8)
    load = asyncio.get_running_loop().create_task(engine.load(spec(), seen.append))
    await clock.advance(7.9)
    assert not load.done()
    assert seen[-1] == LoadProgress("reading", 0.75)
    assert (await engine.probe(spec())).health is EngineHealth.LOADING
    await clock.advance(0.1)
    report = await load
    assert (report.memory_bytes, report.seconds, report.was_resident) == (10, 8, False)
    assert engine.log == ["load m", "loaded m"]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.OUT_OF_MEMORY, ModelFailed),
        (Cause.CORRUPT_FILE, BadModelFile),
        (Cause.ENGINE_OFFLINE, LoaderDown),
        (Cause.CRASH, ModelFailed),
    ],
)
async def test_loads_fail_by_cause_as_often_as_told(cause: Cause, expected: type[BatutaError]) -> None:
    """A failing load raises what a real loader raises for the cause; the next one works again."""
    clock = ManualClock()
    engine = FakeEngine(clock, load_s=0)
    engine.fail_load("m", cause, times=1)
    with pytest.raises(expected) as caught:
        await engine.load(spec(), lambda _: None)
    assert caught.value.cause is cause
    await engine.load(spec(), lambda _: None)
    assert engine.loads["m"] == 2
    assert engine.log == ["load m", "failed m", "load m", "loaded m"]


async def test_memory_is_finite_where_told() -> None:
    """A load beyond the capacity fails for lack of memory; after an unload it fits."""
    engine = FakeEngine(ManualClock(), load_s=0, capacity=15)
    await engine.load(spec("a"), lambda _: None)
    with pytest.raises(ModelFailed) as caught:
        await engine.load(spec("b"), lambda _: None)
    assert caught.value.cause is Cause.OUT_OF_MEMORY
    await engine.unload(spec("a"))
    await engine.load(spec("b"), lambda _: None)
    assert engine.unloads == {"a": 1}


async def test_a_vanished_model_breaks_its_chats_and_is_told_of() -> None:
    """Watchers hear the reason; a chat under way is StreamBroken; the next load brings it back."""
    clock, gone = ManualClock(), list[tuple[str, str]]()
    engine = FakeEngine(clock, delta_s=1)
    engine.watch(lambda model, reason: gone.append((model, reason)))
    await ready(clock, engine, spec())
    said: list[Delta] = []

    async def chat() -> None:
        async for delta in engine.chat(spec(), REQUEST):
            said.append(delta)  # noqa: PERF401  # what was said before the break is looked at

    task = asyncio.get_running_loop().create_task(chat())
    await clock.advance(1)
    engine.vanish("m", "killed")
    await clock.advance(1)
    with pytest.raises(StreamBroken):
        await task
    assert [delta.text for delta in said] == ["three"]
    assert gone == [("m", "killed")]
    await ready(clock, engine, spec())
    assert (await engine.probe(spec())).health is EngineHealth.READY


async def test_a_load_can_be_aborted_by_an_unload() -> None:
    """Unloading a model that is being loaded ends the load."""
    clock = ManualClock()
    engine = FakeEngine(clock, load_s=5)
    load = asyncio.get_running_loop().create_task(engine.load(spec(), lambda _: None))
    await clock.advance(1)
    await engine.unload(spec())
    with pytest.raises(asyncio.CancelledError):
        await load
    assert not await engine.resident()


async def test_concurrency_is_recorded() -> None:
    """How many chats ran at once is known, also after they ended."""
    clock = ManualClock()
    engine = FakeRemoteEngine(clock, delta_s=1)

    async def chat() -> None:
        assert [delta async for delta in engine.chat(spec(), REQUEST)]

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(chat())
        await clock.advance(1)
        assert engine.in_flight["m"] == 3
        await clock.advance(10)
    assert (engine.in_flight["m"], engine.peak["m"]) == (0, 3)
    assert [model for model, _ in engine.requests] == ["m"] * 3


async def test_chats_fail_where_told() -> None:
    """A scripted error comes after so many deltas; `mend` ends it."""
    engine = FakeRemoteEngine(ManualClock())
    engine.fail_chat("m", UpstreamFailed("boom"), after=2)
    deltas = engine.chat(spec(), REQUEST)
    assert (await anext(deltas)).text == "three"
    assert (await anext(deltas)).text == " two"
    with pytest.raises(UpstreamFailed):
        await anext(deltas)
    engine.mend("m")
    assert [delta async for delta in engine.chat(spec(), REQUEST)]


async def test_an_offline_engine_answers_nobody() -> None:
    """While offline every call is UpstreamUnreachable, and a probe says so without raising."""
    engine = FakeEngine(ManualClock())
    engine.is_offline = True
    with pytest.raises(UpstreamUnreachable):
        await engine.list_models()
    with pytest.raises(UpstreamUnreachable):
        await engine.load(spec(), lambda _: None)
    assert (await engine.probe(spec())).health is EngineHealth.OFFLINE
