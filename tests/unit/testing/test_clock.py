"""Time by hand."""

from __future__ import annotations

import asyncio

import pytest

from batuta.testing.clock import ManualClock


async def test_sleepers_wake_in_order_at_their_own_times() -> None:
    """Each sleeper sees its own time, in order; equal times in the order in which they lay down."""
    clock = ManualClock(start=0)
    seen: list[tuple[str, float]] = []

    def seen_so_far() -> list[tuple[str, float]]:
        return list(seen)

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        seen.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("b2", 2.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(2.5)
        assert seen_so_far() == [("a", 1.0), ("b", 2.0), ("b2", 2.0)]
        await clock.advance(10)
    assert seen[-1] == ("c", 3.0)
    assert clock.monotonic() == 12.5


async def test_what_a_sleeper_starts_is_settled_before_the_next_wakes() -> None:
    """A sleep that begins after another's end counts from there, within one advance."""
    clock, seen = ManualClock(start=0), list[float]()

    async def ticker() -> None:
        for _ in range(5):
            await clock.sleep(1)
            seen.append(clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(ticker())
        await clock.advance(5)
    assert seen == [1, 2, 3, 4, 5]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancelling a sleep leaves nothing to wake."""
    clock = ManualClock()
    task = asyncio.get_running_loop().create_task(clock.sleep(1))
    await clock.settle()
    task.cancel()
    await clock.settle()
    assert clock.sleepers == 0
    await clock.advance(2)
    assert task.cancelled()


async def test_no_time_is_no_wait() -> None:
    """A sleep of nothing returns by itself."""
    await asyncio.wait_for(ManualClock().sleep(0), 1)


async def test_the_wall_moves_along_and_jumps() -> None:
    """Wall time follows, and can be set without durations noticing."""
    clock = ManualClock(start=5, wall=100)
    await clock.advance(1)
    clock.jump_wall(-50)
    assert (clock.monotonic(), clock.wall()) == (6, 51)


async def test_work_without_end_is_named() -> None:
    """A task that never rests fails the test instead of hanging it."""
    clock = ManualClock()

    async def restless() -> None:
        while True:  # noqa: ASYNC110  # the fault that is to be found
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(restless())
    with pytest.raises(RuntimeError, match="still busy"):
        await clock.settle()
    task.cancel()
