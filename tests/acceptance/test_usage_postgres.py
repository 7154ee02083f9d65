"""Usage on PostgreSQL: sums are added by the server as SQLite adds them."""

from __future__ import annotations

from batuta.catalog.store import Store
from batuta.catalog.usage_store import UsageRow, UsageStore
from tests.acceptance.test_vault_postgres import pytestmark, url

__all__ = ["pytestmark", "url"]
DAY = "2026-11-21"


async def test_sums_are_added_and_read_by_day(url: str) -> None:
    """Twice what is written twice; days before, and spending of past months, are not there."""
    store = Store(url)
    try:
        await store.open()
        usage = UsageStore(store)
        row = UsageRow(DAY, "openai", "openai/m", "k", {"requests": 1, "cost": 2**40})
        for _ in range(2):
            await usage.add([row], {("k", DAY): 5, ("k", "2026-10-31"): 1})
        await usage.add([UsageRow("2026-11-20", "openai", "openai/m")], {("k", DAY): 1}, drop_before="2026-11-01")
        assert [(each.day, each.sums) for each in await usage.rows(DAY)] == [(DAY, {"requests": 2, "cost": 2**41})]
        assert await usage.spending("2026-01-01") == {("k", DAY): 11}
    finally:
        await store.aclose()
