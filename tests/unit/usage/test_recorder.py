"""Facts become sums, and sums are written some seconds later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from batuta.catalog.store import NotSaved
from batuta.catalog.usage_store import UsageRow, UsageStore
from batuta.observe.bus import Bus
from batuta.observe.events import ModelStateChanged, RequestEnded, Swapped
from batuta.testing.clock import ManualClock
from batuta.usage.cost import NANO
from batuta.usage.days import Days
from batuta.usage.limits import Budgets, Limits
from batuta.usage.recorder import FLUSH_S, Recorder

TODAY = "2025-11-13"


class Database(UsageStore):
    """Keeps in memory what is written; refuses while it is `broken`."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, ...], UsageRow] = {}
        self.paid: dict[tuple[str, str], int] = {}
        self.broken = False
        self.writes = 0

    def _check(self) -> None:
        if self.broken:
            raise NotSaved("the disk is full")

    async def add(self, rows: Any, spent: Mapping[tuple[str, str], int], *, drop_before: str = "") -> None:
        self._check()
        self.writes += 1
        for row in rows:
            self.written.setdefault((row.day, row.model, row.key_id), UsageRow(row.day, row.provider, row.model)).add(
                **row.sums
            )
        for key, amount in spent.items():
            self.paid[key] = self.paid.get(key, 0) + amount

    async def rows(self, first: str) -> list[UsageRow]:
        self._check()
        return list(self.written.values())

    async def spending(self, first: str) -> dict[tuple[str, str], int]:
        self._check()
        return {key: amount for key, amount in self.paid.items() if key[1] >= first}


class Stage:
    def __init__(self) -> None:
        self.bus, self.clock, self.database = Bus(), ManualClock(), Database()
        self.errors: list[BaseException] = []
        self.budgets = Budgets(lambda _: Limits(day=NANO), lambda: TODAY)
        self.recorder = Recorder(
            self.bus,
            self.database,
            clock=self.clock,
            days=Days(),
            provider_of=lambda model: model.partition("/")[0],
            on_error=lambda _, error: self.errors.append(error),
            budgets=self.budgets,
        )

    def ended(self, **changes: Any) -> None:
        """Publish a request that ended well, but for the changes."""
        fields: dict[str, Any] = {
            "request_id": "r",
            "model": "openai/m",
            "route": "chat/completions",
            "status": 200,
            "error": None,
            "wait_s": 0.0,
            "ttft_s": 0.3,
            "total_s": 2.3,
            "prompt_tokens": 100,
            "completion_tokens": 40,
            "cached_tokens": 60,
            "reasoning_tokens": 10,
            "provider": "openai",
            "key_id": "k",
            "cost": 0.25,
            "is_paid": True,
        }
        self.bus.publish(RequestEnded(**fields | changes))

    def written(self, model: str = "openai/m", key: str = "k") -> dict[str, int]:
        sums = self.database.written[TODAY, model, key].sums
        return {name: count for name, count in sums.items() if count}


@asynccontextmanager
async def opened() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.recorder.open()
    try:
        yield stage
    finally:
        stage.database.broken = False
        await stage.recorder.aclose()
        assert not stage.errors


async def test_a_request_is_summed_up_and_written_later() -> None:
    """Nothing is written at once; after some seconds all of it is, in one go."""
    async with opened() as stage:
        for _ in range(1000):
            stage.ended()
        assert stage.database.writes == 0
        await stage.clock.advance(FLUSH_S)
        assert stage.database.writes == 1
        assert stage.written() == {
            "requests": 1000,
            "prompt_tokens": 100_000,
            "cached_tokens": 60_000,
            "completion_tokens": 40_000,
            "reasoning_tokens": 10_000,
            "cost": 250 * NANO,
            "first_2": 1000,
            "answer_tokens": 40_000,
            "answer_ms": 2_000_000,
        }


@pytest.mark.parametrize(
    ("changes", "sums"),
    [
        ({"error": "key_invalid", "status": 502, "ttft_s": None, "cost": None}, {"failed": 1}),
        ({"cost": None}, {"unpriced": 1, "first_2": 1}),
        ({"cost": 0.0, "is_paid": False}, {"first_2": 1}),
        ({"fallbacks": 2}, {"fallbacks": 1, "cost": NANO // 4, "first_2": 1}),
        ({"ttft_s": 100.0, "total_s": 100.0}, {"first_9": 1, "cost": NANO // 4}),
    ],
)
async def test_what_counts_as_what(changes: dict[str, Any], sums: dict[str, int]) -> None:
    """A failure, a price nobody knows, a model of this machine, a fallback, a late first word."""
    async with opened() as stage:
        stage.ended(prompt_tokens=None, completion_tokens=None, cached_tokens=None, reasoning_tokens=None, **changes)
        await stage.recorder.flush()
        assert stage.written() == {"requests": 1, **sums}


async def test_who_asked_nobody_is_not_summed_up() -> None:
    """A request for a model that there is not belongs to no model."""
    async with opened() as stage:
        stage.ended(model=None, provider="")
        await stage.recorder.flush()
        assert stage.database.written == {}


async def test_loads_and_swaps() -> None:
    """A load counts with its seconds when it ends well; one that failed does not."""
    async with opened() as stage:
        for end in ("ready", "failed"):
            stage.bus.publish(ModelStateChanged("local/m", "absent", "loading", "wanted"))
            await stage.clock.advance(1.5)
            stage.bus.publish(ModelStateChanged("local/m", "loading", end, "done"))
        stage.bus.publish(Swapped("local/m", ("local/n",), 5, 1.0))
        await stage.recorder.flush()
        assert stage.written("local/m", "") == {"loads": 1, "load_ms": 1500, "swaps": 1}


async def test_what_cannot_be_written_is_kept_and_written_later() -> None:
    """A full disk loses no sum, and adds none twice."""
    async with opened() as stage:
        stage.ended()
        stage.recorder.spent("k", TODAY, 7)
        stage.database.broken = True
        await stage.clock.advance(FLUSH_S)
        stage.ended()
        stage.recorder.spent("k", TODAY, 7)
        stage.database.broken = False
        await stage.clock.advance(FLUSH_S)
        assert stage.written()["requests"] == 2
        assert stage.database.paid == {("k", TODAY): 14}


async def test_what_is_left_is_written_at_the_end() -> None:
    """The last seconds of an orderly end are not lost, and nothing is heard after it."""
    stage = Stage()
    await stage.recorder.open()
    stage.ended()
    await stage.recorder.aclose()
    stage.ended()
    assert stage.written()["requests"] == 1


async def test_limits_hold_over_a_restart() -> None:
    """What was spent is recalled; until it can be, no key with a limit is used."""
    stage = Stage()
    stage.database.paid = {("k", TODAY): NANO, ("k", "2025-10-31"): NANO}
    stage.database.broken = True
    await stage.recorder.open()
    assert "not known yet" in str(stage.budgets.blocked("k", "openai"))
    stage.ended()
    await stage.clock.advance(FLUSH_S)
    assert stage.database.writes == 0
    stage.database.broken = False
    await stage.clock.advance(FLUSH_S)
    assert "would be passed" in str(stage.budgets.blocked("k", "openai"))
    assert stage.budgets.spent("k").month == 1
    await stage.recorder.aclose()


async def test_the_last_seconds_are_in_what_is_read() -> None:
    """A page shows what has just happened, also while nothing can be written."""
    async with opened() as stage:
        stage.ended()
        assert [row.sums["requests"] for row in await stage.recorder.rows(TODAY)] == [1]


async def test_a_new_day_is_a_new_row() -> None:
    """Sums belong to the day on which the request ended."""
    async with opened() as stage:
        stage.ended()
        await stage.clock.advance(24 * 3600)
        stage.ended()
        await stage.recorder.flush()
        assert {day for day, *_ in stage.database.written} == {TODAY, "2025-11-14"}
