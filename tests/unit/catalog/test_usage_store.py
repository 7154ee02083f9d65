"""Sums in the database: what is added is added, all or nothing, and read by day."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql

from batuta.catalog.store import NotSaved, Store
from batuta.catalog.tables import usage
from batuta.catalog.usage_store import FIRST, FIRST_BOUNDS, LARGEST, SUMS, UsageRow, UsageStore

DAY = "2026-11-21"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[UsageStore]:
    store = Store.in_folder(folder)
    await store.open()
    try:
        yield UsageStore(store)
    finally:
        await store.aclose()


def row(day: str = DAY, key: str = "k", **sums: int) -> UsageRow:
    return UsageRow(day, "openai", "openai/m", key, sums)


async def test_what_is_written_is_added_to_what_is_there(data_dir: Path) -> None:
    """Two writers, or two runs, do not lose each other's sums."""
    for _ in range(2):
        async with opened(data_dir) as store:
            await store.add([row(requests=2, cost=5), row(key="", requests=1)], {("k", DAY): 5})
    async with opened(data_dir) as store:
        found = {each.key_id: each for each in await store.rows(DAY)}
        assert found["k"] == row(requests=4, cost=10)
        assert found[""].sums == {"requests": 2}
        assert await store.spending(DAY) == {("k", DAY): 10}


async def test_days_before_are_not_read(data_dir: Path) -> None:
    """Neither with SQLAlchemy loaded nor without it."""
    async with opened(data_dir) as store:
        assert await store.rows(DAY) == []
        await store.add([row("2026-11-20", requests=1), row(requests=2)], {("k", "2026-10-31"): 1, ("k", DAY): 2})
        assert [each.day for each in await store.rows(DAY)] == [DAY]
    async with opened(data_dir) as store:
        assert [each.day for each in await store.rows(DAY)] == [DAY]
        assert await store.spending("2026-11-01") == {("k", DAY): 2}


async def test_spending_of_past_months_is_dropped_and_usage_kept(data_dir: Path) -> None:
    """Limits need this month alone; the page needs all."""
    async with opened(data_dir) as store:
        await store.add([row("2026-10-31", requests=1)], {("k", "2026-10-31"): 1})
        await store.add([], {("k", DAY): 2}, drop_before="2026-11-01")
        assert await store.spending("2026-01-01") == {("k", DAY): 2}
        assert len(await store.rows("2026-01-01")) == 1


async def test_all_or_nothing(data_dir: Path) -> None:
    """A write that fails in the middle adds nothing, so that it can be done again."""
    async with opened(data_dir) as store:
        await store.add([row(requests=1)], {})
        with pytest.raises(NotSaved):
            await store.add([row(requests=1)], {("k", DAY): LARGEST * 4})
        assert [each.sums for each in await store.rows(DAY)] == [{"requests": 1}]


async def test_a_sum_no_database_holds_is_cut(data_dir: Path) -> None:
    """What somebody's backend claims to have used cannot keep other sums from being written."""
    async with opened(data_dir) as store:
        await store.add([row(prompt_tokens=10**30)], {})
        assert (await store.rows(DAY))[0].sums == {"prompt_tokens": LARGEST}


async def test_hostile_names_are_only_text(data_dir: Path) -> None:
    """A model can be called anything."""
    name = "x'); DROP TABLE usage; --\N{SNOWMAN}"
    async with opened(data_dir) as store:
        await store.add([UsageRow(DAY, name, name, name, {"requests": 1})], {(name, DAY): 1})
        assert (await store.rows(DAY))[0].model == name


def test_the_same_statement_serves_postgresql() -> None:
    """Sums are added by the server there too, in one statement."""
    statement = postgresql.insert(usage)
    added = statement.on_conflict_do_update(
        index_elements=["day", "provider", "model", "key_id"],
        set_={"requests": usage.c.requests + statement.excluded["requests"]},
    )
    said = str(added.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # its own
    assert "SET requests = (usage.requests + excluded.requests)" in said


def test_the_step_makes_the_columns_that_are_counted() -> None:
    """The step keeps its own list, because steps never change; today it is the code's."""
    step = importlib.import_module("batuta.catalog.migrations.versions.m0004_usage")
    assert step.SUMS == SUMS
    assert len(FIRST) == len(FIRST_BOUNDS) + 1


def test_reading_what_was_spent_needs_no_sqlalchemy(tmp_path: Path) -> None:
    """Limits are known at start, and a start does not wait for the import."""
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom batuta.catalog.store import Store\n"
        "from batuta.catalog.usage_store import UsageStore\n"
        "async def main():\n"
        f"    store = Store.in_folder(Path({str(tmp_path)!r})); await store.open()\n"
        "    print(await UsageStore(store).spending('2026-11-01'), 'sqlalchemy' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{} False"
