"""llama-server with one model: it is there or not, and no one but who started it changes that."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from batuta.engines.base import LOST, EngineHealth
from batuta.engines.llama_server.wire import STOP_IT
from batuta.errors import (
    CannotUnload,
    Cause,
    ModelFailed,
    ModelLoading,
    StreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.local_server import FakeModel, Fault
from tests.unit.engines.llama_server_play import SMALL, Play, playing, spec

BUILDS = pytest.mark.parametrize("build", [3500, 7400, 11549])


def single(*models: FakeModel, **how: Any) -> AbstractAsyncContextManager[Play]:
    return playing(*(models or (SMALL,)), is_router=False, **how)


def slow() -> FakeModel:
    return FakeModel("slow", size=1000, load_s=0.03)


@BUILDS
async def test_it_is_waited_for_while_it_loads(build: int) -> None:
    """The socket is up and everything says 503; a load waits, makes no progress up, and starts nothing."""
    async with single(slow(), build=build) as play:
        report = await play.load("slow")
        assert not report.was_resident
        assert report.memory_bytes == 1100
        assert {told.fraction for told in play.told} == {None}
        assert (await play.load("slow")).was_resident
        assert not [path for method, path in play.server.seen if method == "POST"]


async def test_its_state_is_told_as_it_is() -> None:
    """Loading, then ready with what it takes, asleep, then gone."""
    async with single(slow()) as play:
        assert (await play.engine.probe(spec("slow"))).health is EngineHealth.LOADING
        assert (await play.held())["slow"].is_loading
        await play.server.ready()
        assert (await play.engine.probe(spec("slow"))).health is EngineHealth.READY
        assert (await play.held())["slow"].memory_bytes == 1100
        play.server.children.sleep(play.server.child)
        assert (await play.held())["slow"].is_asleep
        await play.server.stop()
        assert (await play.engine.probe(spec("slow"))).health is EngineHealth.OFFLINE


async def test_one_that_lists_nothing_while_it_loads_is_loading_all_the_same() -> None:
    """Older builds answer 503 to the list as well: before it was ever seen there is no name to tell."""
    async with single(slow(), build=3500) as play:
        assert (await play.engine.probe(spec("slow"))).health is EngineHealth.LOADING
        assert await play.held() == {}
        await play.load("slow")
        play.server.child.status = "loading"
        assert (await play.held())["slow"].is_loading


async def test_properties_tell_its_context_and_what_it_can() -> None:
    """Context and tools come from `/props`, the tensors' size from the list."""
    async with single(FakeModel("m", size=1000, context=1234)) as play:
        await play.load("m")
        (model,) = await play.engine.list_models()
        assert (model.context_length, model.memory.weights, model.is_resident) == (1234, 1000, True)
        assert {"tools", "chat"} <= {str(capability) for capability in model.capabilities}
        info = await play.engine.describe()
        assert info.version == "b11549-fa4e5e4"
        assert "router mode" in info.note


async def test_an_unload_is_refused_in_words() -> None:
    """It says what it holds and who can stop it, before it is asked too, and goes on answering."""
    async with single() as play:
        assert (await play.load()).fixed == (await play.engine.resident())[0].fixed == STOP_IT
        with pytest.raises(CannotUnload, match="cannot unload the model: it holds the one model it was started with"):
            await play.engine.unload(spec())
        assert await play.said() == "three two one"
        await play.engine.unload(spec("another"))  # what it does not hold is not there


async def test_a_sleeping_one_is_woken_by_a_load() -> None:
    """It reads its file again before the load is over."""
    async with single() as play:
        await play.load()
        play.server.children.sleep(play.server.child)
        assert not (await play.load()).was_resident
        assert play.server.child.status == "loaded"


@BUILDS
async def test_another_name_is_not_answered_by_it(build: int) -> None:
    """It would answer to every name, and older builds even under that name."""
    async with single(build=build) as play:
        await play.load()
        with pytest.raises(
            ModelFailed, match="it was started with org/small:Q4, and answers with that alone"
        ) as caught:
            await play.said("other")
        assert caught.value.cause is Cause.NOT_INSTALLED
        assert not play.server.queries
        with pytest.raises(ModelFailed, match="does not have the model"):
            await play.load("other")


async def test_a_server_started_anew_with_another_model_is_noticed() -> None:
    """At the next look, or by the name on the answer of a build that tells its own."""
    async with single(fresh_s=60.0) as play:
        await play.load()
        await play.server.stop()
        async with FakeLlamaServer([FakeModel("other")], port=play.server.port) as server:
            await server.ready()
            with pytest.raises(UpstreamUnreachable, match="let another model answer: other instead of org/small:Q4"):
                await play.said()
            assert play.gone == [(spec().id, f"{LOST}127.0.0.1:{server.port} does not hold it any more")]


async def test_a_request_in_the_wrong_moment_is_told_that_it_loads() -> None:
    """After a restart the model is still on its way in."""
    async with single(slow()) as play:
        with pytest.raises(ModelLoading, match="is still loading the model"):
            await play.said("slow")


async def test_a_crash_takes_the_server_with_it() -> None:
    """The answer is cut, and what it held is lost."""
    async with single(token_s=0.005) as play:
        await play.load()
        reply = await play.stream()
        chunks = reply.chunks()
        await anext(chunks)
        play.server.crash(SMALL.name)
        with pytest.raises(StreamBroken):
            async for _ in chunks:
                pass
        await reply.aclose()
        with pytest.raises(UpstreamUnreachable):
            await play.engine.resident()
        assert play.gone[0][1].startswith(LOST)


async def test_an_unknown_server_that_says_nothing_is_no_other_model() -> None:
    """Before the first look nobody knows what it holds: the reason is its silence."""
    async with single(ask_timeout_s=0.02) as play:
        await play.server.ready()
        play.server.faults.append(Fault("/props", delay_s=1, times=-1))
        with pytest.raises(UpstreamTimeout):
            await play.said()


async def test_whoever_looks_often_asks_little() -> None:
    """Requests share a look for a while; the answers are checked all the same."""
    async with single(fresh_s=60.0) as play:
        await play.load()
        before = len(play.server.seen)
        await asyncio.gather(*(play.said() for _ in range(5)))
        assert len(play.server.seen) - before == 5
