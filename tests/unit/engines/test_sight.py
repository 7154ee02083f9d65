"""Looks at an engine: which one counts, who shares one, and for how long anybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from batuta.engines.sight import NEVER, Looks
from batuta.errors import BatutaError, UpstreamFailed, UpstreamTimeout, UpstreamUnreachable

REFUSED = UpstreamUnreachable("here refused the connection")
BROKEN = UpstreamFailed("here answered with HTTP 500")
SILENT = UpstreamTimeout("here did not answer in time")


class Line:
    """Calls to an engine, each answered when the test says so, and what came of them."""

    def __init__(self, *, fresh_s: float = 0.0) -> None:
        self.calls: list[asyncio.Future[str]] = []
        self.bounds: list[float] = []
        self.changes: list[tuple[str, str]] = []
        self.failures: list[BatutaError] = []
        self.looks = Looks(
            self.ask,
            nothing="nothing",
            fresh_s=fresh_s,
            on_change=lambda before, now: self.changes.append((before, now)),
            on_failure=self.failures.append,
        )

    async def ask(self, *, within_s: float) -> str:
        self.bounds.append(within_s)
        self.calls.append(asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(within_s):
                return await self.calls[-1]
        except TimeoutError:
            raise SILENT.again() from None

    def answer(self, number: int, word: str | BatutaError) -> None:
        if isinstance(word, str):
            self.calls[number].set_result(word)
        else:
            self.calls[number].set_exception(word.again())


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def begin(wait: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(wait)


async def two_looks(line: Line, newer: str | BatutaError, older: str | BatutaError) -> tuple[str, str]:
    """Begin two looks, and answer the second first; return what each was told."""

    async def told() -> str:
        try:
            return await line.looks.look(5.0)
        except BatutaError as error:
            return error.message

    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(told()), group.create_task(told())
        await settle()
        line.answer(1, newer)
        await second
        line.answer(0, older)
    return first.result(), second.result()


@pytest.mark.parametrize("older", ["old", REFUSED, BROKEN, SILENT], ids=["answer", "refusal", "fault", "silence"])
async def test_an_overtaken_look_changes_nothing(older: str | BatutaError) -> None:
    """Whatever it says, the newer word stands, nobody hears of the older, and who waited for it is told the newer."""
    line = Line(fresh_s=60.0)
    assert await two_looks(line, "new", older) == ("new", "new")
    assert (line.looks.last, line.changes, line.failures) == ("new", [("nothing", "new")], [])
    assert line.looks.is_fresh()


async def test_an_answer_from_before_a_refusal_does_not_bring_the_engine_back() -> None:
    """That nobody listens any more is news, too."""
    line = Line(fresh_s=60.0)
    assert await two_looks(line, REFUSED, "old") == (REFUSED.message, REFUSED.message)
    assert (line.looks.last, line.changes, len(line.failures)) == ("nothing", [], 1)
    assert line.looks.looked_at == NEVER


@pytest.mark.parametrize("newer", [BROKEN, SILENT], ids=["fault", "silence"])
async def test_what_tells_nothing_overtakes_nothing(newer: BatutaError) -> None:
    """A look that was begun before it and is answered after it still counts."""
    line = Line(fresh_s=60.0)
    assert await two_looks(line, newer, "seen") == ("seen", newer.message)
    assert (line.looks.last, line.changes) == ("seen", [("nothing", "seen")])


async def test_a_fresh_look_spares_the_next_until_it_is_forgotten() -> None:
    """Requests one after the other cost one look; after a bad answer the next is looked for at once."""
    line = Line(fresh_s=60.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(line.looks.refresh(5.0))
        await settle()
        line.answer(0, "seen")
    for _ in range(10):
        await line.looks.refresh(5.0)
    assert len(line.calls) == 1
    async with asyncio.TaskGroup() as group:
        group.create_task(line.looks.look_again(2.0))
        await settle()
        line.answer(1, SILENT)
    assert (len(line.calls), line.looks.is_fresh(), line.looks.last) == (2, False, "seen")


@pytest.mark.parametrize("word", ["seen", REFUSED, BROKEN, SILENT], ids=["answer", "refusal", "fault", "silence"])
async def test_all_who_wait_share_one_look(word: str | BatutaError) -> None:
    """However it ends, and although no look stays fresh; an error is each one's own."""
    line = Line()
    waiters = [begin(line.looks.refresh(5.0)) for _ in range(20)]
    await settle()
    line.answer(0, word)
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert len(line.calls) == 1
    if isinstance(word, str):
        assert outcomes == [None] * 20
    else:
        assert {(type(one), str(one)) for one in outcomes} == {(type(word), str(word))}
        assert len({id(one) for one in outcomes}) == 20


async def test_who_comes_after_a_look_that_failed_has_a_look_of_its_own() -> None:
    """A failure speaks for those who waited, not for those to come."""
    line = Line()
    words: tuple[str | BatutaError, ...] = (SILENT, "seen")
    for number, word in enumerate(words):
        waiter = begin(line.looks.refresh(5.0))
        await settle()
        line.answer(number, word)
        with suppress(UpstreamTimeout):
            await waiter
    assert (len(line.calls), line.looks.last) == (2, "seen")


async def test_nobody_waits_longer_than_one_look() -> None:
    """Many who wait for an engine that says nothing give up together."""
    line = Line()
    started = asyncio.get_running_loop().time()
    outcomes = await asyncio.gather(*(line.looks.refresh(0.05) for _ in range(20)), return_exceptions=True)
    assert asyncio.get_running_loop().time() - started < 0.5
    assert {type(one) for one in outcomes} == {UpstreamTimeout}
    assert len(line.calls) == 1


async def test_who_takes_over_a_look_has_the_rest_of_its_own_time() -> None:
    """When the one who looks has gone, the next looks, and does not wait anew."""
    line = Line()
    first, second, third = (begin(line.looks.refresh(5.0)) for _ in range(3))
    await asyncio.sleep(0.02)
    first.cancel()
    await settle()
    assert len(line.calls) == 2
    assert line.bounds[1] < 5.0 - 0.01
    line.answer(1, "seen")
    await asyncio.gather(second, third)
    assert (len(line.calls), line.looks.last) == (2, "seen")
