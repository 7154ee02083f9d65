"""A router's events: heard as long as somebody wants them, over restarts, in the shapes of several builds."""

from __future__ import annotations

import asyncio

import pytest

from batuta.engines.base import LOST
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.local_server import Fault
from tests.unit.engines.llama_server_play import LARGE, SMALL, Play, playing, until


def follow(play: Play) -> None:
    play.engine.notice(lambda: play.changes.append(None))


async def heard(play: Play) -> None:
    """Look once, as the lifecycle does, and wait until the events come."""
    await play.engine.resident()
    await until(lambda: play.engine.is_hearing)


@pytest.mark.parametrize("build", [9500, 9700, 11549])
async def test_what_others_do_is_heard_at_once(build: int) -> None:
    """Another program loads and unloads: each is told, under either name of the event; progress is not."""
    async with playing(build=build) as play:
        follow(play)
        await heard(play)
        child = play.server.children.all[SMALL.name]
        play.changes.clear()
        await play.server.children.start(child)
        await play.server.ready(SMALL.name)
        await until(lambda: len(play.changes) == 2)
        play.server.children.stop(child)
        await until(lambda: len(play.changes) == 3)


async def test_nobody_listens_where_nobody_wants_to() -> None:
    """A look alone opens no stream; one load does, for its progress."""
    async with playing() as play:
        await play.engine.list_models()
        await play.engine.resident()
        assert play.server.listeners == 0
        await play.load()
        await until(lambda: play.server.listeners == 1)


async def test_a_model_that_others_unload_is_told_of() -> None:
    """Ours, and not by us: lost, not crashed."""
    async with playing() as play:
        follow(play)
        await play.load()
        await heard(play)
        play.server.children.stop(play.server.children.all[SMALL.name])
        await until(lambda: bool(play.gone))
        assert play.gone[0][1].startswith(LOST)
        play.server.children.evicted.clear()


async def test_a_crash_is_told_with_its_code() -> None:
    """By the event, long before anybody looks."""
    async with playing() as play:
        follow(play)
        await play.load()
        await heard(play)
        play.server.crash(SMALL.name, 134)
        await until(lambda: bool(play.gone))
        assert play.gone[0][1].endswith("ended with exit code 134")


async def test_what_happened_before_is_looked_for() -> None:
    """The stream begins with nothing, so its beginning is a change."""
    async with playing() as play:
        follow(play)
        await play.server.children.start(play.server.children.all[LARGE.name])
        await heard(play)
        assert play.changes


async def test_it_comes_back_after_a_restart() -> None:
    """The end of the stream is a change, and so is its new beginning."""
    async with playing() as play:
        follow(play)
        await heard(play)
        play.changes.clear()
        await play.server.stop()
        await until(lambda: bool(play.changes) and not play.engine.is_hearing)
        await asyncio.sleep(0.01)
        play.changes.clear()
        async with FakeLlamaServer([SMALL], is_router=True, port=play.server.port):
            await until(lambda: play.engine.is_hearing and bool(play.changes))


async def test_a_router_without_events_is_asked_instead() -> None:
    """It is not heard, says so, and is not asked for its events at every turn."""
    async with playing(build=7400) as play:
        follow(play)
        await play.engine.resident()
        await until(lambda: ("GET", "/models/sse") in play.server.seen)
        for _ in range(3):
            await play.engine.resident()
            await asyncio.sleep(0.005)
        assert not play.engine.is_hearing
        assert play.server.seen.count(("GET", "/models/sse")) == 1


async def test_noise_in_the_stream_is_passed_over() -> None:
    """Something that is no event, or about nothing we know, hurts nobody."""
    async with playing() as play:
        follow(play)
        await heard(play)
        play.changes.clear()
        for queue in play.server._listeners:
            queue.put_nowait(b': heartbeat\n\ndata: {\n\ndata: []\n\ndata: {"event":"x"}\n\n')
        play.server._broadcast("*", "models_reload", None)
        await until(lambda: len(play.changes) == 1)
        assert play.engine.is_hearing


async def test_an_answer_that_is_no_stream_counts_as_none() -> None:
    """A page in place of the events."""
    async with playing() as play:
        play.server.faults.append(Fault("/models/sse", status=200, body="<html>", content_type="text/html", times=-1))
        follow(play)
        await play.engine.resident()
        await until(lambda: play.engine._events.is_missing)
        assert "update llama.cpp" in (await play.engine.describe()).note


async def test_closing_ends_the_stream() -> None:
    """No task and no connection outlives the engine."""
    async with playing() as play:
        follow(play)
        await heard(play)
        await play.engine.aclose()
        assert not play.engine.is_hearing
        await until(lambda: play.server.listeners == 0)
        await play.engine.resident()
        assert not play.engine.is_hearing
