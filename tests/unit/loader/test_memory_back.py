"""Memory that comes back at once, late, in part or not at all. A probe that is a list, and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from batuta.loader.memory_back import EVERY_S, LONGEST_S, SHARE, MemoryBack, until_back
from batuta.testing.clock import ManualClock

GB = 1_000_000_000


async def ended(
    held: Mapping[str, int], looks: Sequence[Mapping[str, int]], *, before: int = 0
) -> tuple[MemoryBack, int]:
    """Wait for memory whose free bytes are `looks`, the last for ever; return how it ended and how often was looked."""
    clock, looked = ManualClock(), 0

    async def look() -> Mapping[str, int]:
        nonlocal looked
        looked += 1
        return looks[min(looked, len(looks)) - 1]

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(until_back(held, dict.fromkeys(held, before), look=look, clock=clock))
        await clock.advance(2 * LONGEST_S)
    return waiting.result(), looked


async def test_without_a_gpu_nothing_is_waited_for() -> None:
    """The host's memory is back with the end of the process: not even a look."""
    assert await ended({}, []) == (MemoryBack(0.0, {}), 0)


async def test_memory_that_is_back_at_once_costs_one_look() -> None:
    """Three quarters are enough: others may take some of it in the same moment."""
    back, looked = await ended({"cuda:0": 8 * GB}, [{"cuda:0": 7 * GB}], before=1 * GB)
    assert (back, looked, back.note) == (MemoryBack(0.0, {}), 1, "")


async def test_memory_that_comes_late_is_waited_for() -> None:
    """It is looked for four times a second."""
    looks = [{"cuda:0": 0}, {"cuda:0": 5 * GB}, {"cuda:0": 6 * GB}]
    back, looked = await ended({"cuda:0": 8 * GB}, looks)
    assert (back.seconds, looked, back.missing) == (2 * EVERY_S, 3, {})


async def test_memory_that_does_not_come_is_given_up_after_five_seconds_and_said() -> None:
    """The load that follows may fail; whoever reads why finds the figures."""
    back, looked = await ended({"cuda:0": 8 * GB, "cuda:1": 2 * GB}, [{"cuda:0": 3 * GB, "cuda:1": 2 * GB}])
    assert (back.seconds, looked) == (LONGEST_S, 1 + LONGEST_S / EVERY_S)
    assert back.note == "after 5.0 s only 3.0 of 8.0 GB on cuda:0 had come back"


async def test_a_device_that_is_gone_is_not_waited_for() -> None:
    """A card that fell off the bus gives nothing back."""
    assert (await ended({"cuda:0": 8 * GB}, [{}]))[0] == MemoryBack(0.0, {})


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 12))
def test_it_never_waits_longer_than_it_must(free: list[int], held: int) -> None:
    """Whatever the probe says: it ends at the first look that shows 75 %, at the latest after 5 s."""
    back, looked = asyncio.run(ended({"gpu": held}, [{"gpu": count} for count in free]))
    enough = next((number for number, count in enumerate([*free, *free[-1:] * 30]) if count >= SHARE * held), 99)
    assert back.seconds == min(enough * EVERY_S, LONGEST_S)
    assert bool(back.note) == (enough * EVERY_S > LONGEST_S)
    assert looked == round(back.seconds / EVERY_S) + 1
