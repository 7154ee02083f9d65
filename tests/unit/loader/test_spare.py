"""The waiting process: when one is started, handed over, given up and left alone. No real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from batuta.loader.spare import LOOK_S, PAUSE_S, TAKE_S, Spare
from batuta.testing.clock import ManualClock


class Fake:
    """A process that waits, dies when told, and may not answer."""

    def __init__(self, pid: int, *, answer: str = "taken") -> None:
        self.pid = pid
        self.answer = answer
        self.given: Mapping[str, Any] | None = None
        self.is_ended = False
        self.gone = asyncio.Event()

    async def until_gone(self) -> None:
        await self.gone.wait()

    async def use(self, params: Mapping[str, Any]) -> Any:
        self.given = params
        if self.answer == "silence":
            await asyncio.Event().wait()
        return self if self.answer == "taken" else None

    async def end(self) -> None:
        self.is_ended = True
        self.gone.set()


class Play:
    """A spare with a manual clock, the processes it has started, and what it noted."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.started: list[Fake] = []
        self.notes: list[str] = []
        self.has_room = True
        self.answer = "taken"
        self.refusal: OSError | None = None
        self.spare = Spare(
            self._start,
            self.clock,
            has_room=lambda: self.has_room,
            on_note=self.notes.append,
            on_bug=lambda name, error: pytest.fail(f"{name}: {error!r}"),
        )

    async def _start(self) -> Fake:
        if self.refusal:
            raise self.refusal
        self.started.append(Fake(100 + len(self.started), answer=self.answer))
        return self.started[-1]


@asynccontextmanager
async def play(*, waits: bool = True) -> AsyncIterator[Play]:
    it = Play()
    it.spare.begin()
    if waits:
        await it.clock.advance(PAUSE_S)
        assert it.spare.pid == 100
    try:
        yield it
    finally:
        await it.spare.aclose()


async def test_one_is_started_after_a_quiet_moment_and_no_second() -> None:
    """A loader that has nothing to do keeps exactly one process waiting."""
    async with play(waits=False) as it:
        await it.clock.advance(PAUSE_S / 2)
        assert it.started == []
        await it.clock.advance(100)
        assert len(it.started) == 1
        assert repr(it.spare) == "<Spare pid 100>"


async def test_a_load_takes_it_and_the_next_waits_until_the_load_is_over() -> None:
    """It is handed over with the parameters; nothing is started while a model is read, and one a moment after."""
    async with play() as it:
        with it.spare.load():
            process: Any = await it.spare.take({"model": "m"})
            assert process is it.started[0]
            assert it.started[0].given == {"model": "m"}
            assert it.spare.is_loading
            await it.clock.advance(60)
            assert len(it.started) == 1
        await it.clock.advance(PAUSE_S / 2)
        assert len(it.started) == 1
        await it.clock.advance(PAUSE_S)
        assert it.spare.pid == 101
        assert not it.started[0].is_ended


async def test_a_load_that_begins_in_the_pause_puts_it_off() -> None:
    """The moment counts anew from the end of the last load."""
    async with play(waits=False) as it:
        await it.clock.advance(PAUSE_S * 0.9)
        with it.spare.load():
            await it.clock.advance(PAUSE_S)
        await it.clock.advance(PAUSE_S * 0.9)
        assert it.started == []
        await it.clock.advance(PAUSE_S * 0.2)
        assert len(it.started) == 1


async def test_without_one_there_is_nothing_to_take() -> None:
    """The load starts its own process then."""
    async with play(waits=False) as it:
        assert await it.spare.take({}) is None


@pytest.mark.parametrize("answer", ["end", "silence"])
async def test_one_that_is_dead_or_mute_costs_a_load_nothing_but_time(answer: str) -> None:
    """A load gets None, within two seconds, and what does not answer is ended."""
    it = Play()
    it.answer = answer
    it.spare.begin()
    await it.clock.advance(PAUSE_S)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batuta.loader.spare.TAKE_S", 0.01)
        assert await it.spare.take({}) is None
    assert loop.time() - began < TAKE_S
    assert it.started[0].is_ended
    assert len(it.notes) == (answer == "silence")
    await it.spare.aclose()


async def test_one_that_dies_is_replaced_ever_more_slowly_and_then_no_more() -> None:
    """Half a second, one, two, four; the fifth death within a minute is the last until a model has been loaded."""
    async with play() as it:
        for count, wait in enumerate((0.5, 1.0, 2.0, 4.0), start=1):
            it.started[-1].gone.set()
            await it.clock.advance(wait + PAUSE_S - 0.01)
            assert len(it.started) == count
            await it.clock.advance(0.02)
            assert len(it.started) == count + 1
        it.started[-1].gone.set()
        await it.clock.advance(3600)
        assert (len(it.started), it.spare.pid) == (5, 0)
        assert "until a model has been loaded" in it.notes[0]
        with it.spare.load():
            assert await it.spare.take({}) is None
        await it.clock.advance(PAUSE_S)
        assert it.spare.pid == 105


async def test_one_that_cannot_be_started_is_tried_again_later() -> None:
    """No process table entry, no memory for a fork: the loader lives on and tries again."""
    async with play(waits=False) as it:
        it.refusal = OSError(11, "Resource temporarily unavailable")
        await it.clock.advance(PAUSE_S + 0.1)
        it.refusal = None
        await it.clock.advance(0.5 + PAUSE_S)
        assert it.spare.pid == 100


async def test_none_is_kept_while_memory_is_short() -> None:
    """None is started, and the one that waits is ended; it comes back with the memory."""
    async with play() as it:
        it.has_room = False
        await it.clock.advance(LOOK_S)
        assert it.started[0].is_ended
        assert it.spare.pid == 0
        assert it.notes == ["memory is short: no spare process is kept"]
        await it.clock.advance(60)
        assert len(it.started) == 1
        it.has_room = True
        await it.clock.advance(LOOK_S + PAUSE_S)
        assert it.spare.pid == 101


async def test_the_end_of_the_loader_ends_it() -> None:
    """Nothing waits after `aclose`, and nothing is started any more."""
    async with play() as it:
        await it.spare.aclose()
        assert it.started[0].is_ended
        await it.clock.advance(60)
        assert len(it.started) == 1
