"""Loads at engines of other people: one at a time for each model, whoever waits, whoever leaves."""

from __future__ import annotations

import asyncio

import pytest

from batuta.engines.base import LoadProgress, LoadReport, ProgressListener
from batuta.engines.local_loads import LocalLoads, poll_until
from batuta.errors import BatutaBug, Cause, ModelFailed

REPORT = LoadReport(memory_bytes=7, seconds=0.1)


def quiet(_: LoadProgress) -> None:
    """Hear nothing."""


class Door:
    """A load that ends when it is told to."""

    def __init__(self, end: LoadReport | BaseException = REPORT) -> None:
        self.end = end
        self.begun = 0
        self.open = asyncio.Event()

    async def work(self, tell: ProgressListener) -> LoadReport:
        self.begun += 1
        tell(LoadProgress("reading", None))
        await self.open.wait()
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end


async def test_who_comes_later_joins() -> None:
    """Three who want a model share one load; the late ones hear how far it is."""
    loads, door, heard = LocalLoads("here"), Door(), list[LoadProgress]()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(loads.join("m", door.work, heard.append)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert "m" in loads
        assert loads.addresses == ("m",)
        door.open.set()
    assert {task.result() for task in waiting} == {REPORT}
    assert (door.begun, "m" in loads) == (1, False)
    assert heard == [LoadProgress("reading", None)] * 3


async def test_who_leaves_does_not_stop_the_load() -> None:
    """The load is nobody's: cancelling a wait changes nothing for it."""
    loads, door = LocalLoads("here"), Door()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await loads.join("m", door.work, quiet)
    door.open.set()
    assert await loads.join("m", door.work, quiet) == REPORT
    assert door.begun == 1


async def test_each_who_waits_gets_the_error() -> None:
    """A failed load fails for everybody, each with an error of its own; the next one starts anew."""
    loads, door = LocalLoads("here"), Door(ModelFailed("no", cause=Cause.OUT_OF_MEMORY))
    door.open.set()
    ends = await asyncio.gather(*(loads.join("m", door.work, quiet) for _ in range(2)), return_exceptions=True)
    assert [type(end) for end in ends] == [ModelFailed, ModelFailed]
    assert ends[0] is not ends[1]
    door.end = REPORT
    assert await loads.join("m", door.work, quiet) == REPORT


async def test_a_load_can_be_stopped() -> None:
    """Stopping one tells who waits, even before its first step; where there is none, nothing happens."""
    loads, door = LocalLoads("here"), Door()
    assert not await loads.abort("m")
    for steps in (1, 3):
        waiting = asyncio.get_running_loop().create_task(loads.join("m", door.work, quiet))
        for _ in range(steps):
            await asyncio.sleep(0)
        assert await loads.abort("m")
        with pytest.raises(ModelFailed, match="the load of m at here was stopped"):
            await waiting
    assert "m" not in loads


async def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    """An error that nobody expected ends the wait, and goes to the loop's handler."""
    loads, door, seen = LocalLoads("here"), Door(ZeroDivisionError()), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
    door.open.set()
    with pytest.raises(BatutaBug):
        await loads.join("m", door.work, quiet)
    assert [type(error) for error in seen] == [ZeroDivisionError]


async def test_who_comes_late_hears_how_far_it_is_and_who_has_left_hears_no_more() -> None:
    """Progress goes to those who wait, each from where the load stands."""
    loads, tellers, end = LocalLoads("here"), list[ProgressListener](), asyncio.Event()

    async def work(tell: ProgressListener) -> LoadReport:
        tellers.append(tell)
        tell(LoadProgress("starting", None))
        await end.wait()
        return REPORT

    early, late = list[LoadProgress](), list[LoadProgress]()
    loop = asyncio.get_running_loop()
    leaving = loop.create_task(loads.join("m", work, early.append))
    while not tellers:  # noqa: ASYNC110  # a step or two of the loop
        await asyncio.sleep(0)
    staying = loop.create_task(loads.join("m", work, late.append))
    await asyncio.sleep(0)
    assert late == [LoadProgress("starting", None)]
    leaving.cancel()
    await asyncio.wait([leaving])
    heard = len(early)
    tellers[0](LoadProgress("reading", 0.5))
    assert (len(early), late[-1]) == (heard, LoadProgress("reading", 0.5))
    end.set()
    assert await staying == REPORT
    await loads.aclose()


async def test_an_abort_is_over_when_the_load_is() -> None:
    """Whoever looks after it finds the connection of the load closed, and no load."""
    loads, has_begun, closed = LocalLoads("here"), asyncio.Event(), list[str]()

    async def work(_: ProgressListener) -> LoadReport:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append("m")
        return REPORT

    waiting = asyncio.get_running_loop().create_task(loads.join("m", work, quiet))
    await has_begun.wait()
    assert await loads.abort("m")
    assert (closed, "m" in loads) == (["m"], False)
    with pytest.raises(ModelFailed, match="was stopped"):
        await waiting
    assert not await loads.abort("m")


async def test_closing_stops_what_is_under_way() -> None:
    """Who closes leaves no task behind."""
    loads, door = LocalLoads("here"), Door()
    waiting = asyncio.get_running_loop().create_task(loads.join("m", door.work, quiet))
    await asyncio.sleep(0)
    await loads.aclose()
    with pytest.raises(ModelFailed):
        await waiting
    for _ in range(2):  # the second must not wait for a load that never was
        with pytest.raises(RuntimeError, match="closed"):
            await loads.join("m", door.work, quiet)


async def test_polling_ends_with_a_yes_or_with_the_time() -> None:
    """The first question comes at once; the last one when the time is over."""
    answers = iter([False, False, True])

    async def third_time() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    assert await poll_until(third_time, poll_s=0.001, within_s=1)
    assert not await poll_until(never, poll_s=0.001, within_s=0.003)
