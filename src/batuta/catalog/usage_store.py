"""Keeps what was used, in sums by day, provider, model and key; and what was spent by key, for limits.

Sums, not single requests: a year of a busy installation is some ten thousand rows, and no row tells who asked what.
What is written is added to what is there, so that two writers do not lose each other's. Knows no prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from batuta.catalog.store import Store

FIRST_BOUNDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper ends, in seconds, of the classes in which times to the first word are counted; the last class has none."""
FIRST: Final = tuple(f"first_{number}" for number in range(len(FIRST_BOUNDS) + 1))
SUMS: Final = (
    "requests",  # that a model was found for
    "failed",  # of these, answered with an error
    "fallbacks",  # of these, answered in place of another model
    "prompt_tokens",
    "cached_tokens",  # of these, from the provider's cache
    "completion_tokens",
    "reasoning_tokens",  # of these
    "cost",  # nano-dollars, of the requests whose cost is known
    "unpriced",  # requests that were answered, and whose cost is not known
    "answer_tokens",  # of the requests that `answer_ms` counts
    "answer_ms",  # from the first word to the end
    "loads",
    "load_ms",
    "swaps",  # loads for which another model had to leave memory
    *FIRST,
)
"""What is counted; each a column."""
KEYS: Final = ("day", "provider", "model", "key_id")
LARGEST: Final = 2**63 - 1
TABLE: Final = "usage"
SPENDING: Final = "spending"


@dataclass(slots=True)
class UsageRow:
    """What was used on a day, of a model, with a key.

    Attributes:
        day: like `2026-11-21`.
        provider: id of who serves the model.
        model: catalog id.
        key_id: of the vault; empty: none, or one that is not in the vault.
        sums: counts by the names of `SUMS`; what is not there is 0.
    """

    day: str
    provider: str
    model: str
    key_id: str = ""
    sums: dict[str, int] = field(default_factory=dict)

    def add(self, **counts: int) -> None:
        """Count more."""
        for name, count in counts.items():
            self.sums[name] = self.sums.get(name, 0) + count

    def values(self) -> dict[str, Any]:
        """Return the row as the database has it."""
        named = {"day": self.day, "provider": self.provider, "model": self.model, "key_id": self.key_id}
        return named | {name: min(self.sums.get(name, 0), LARGEST) for name in SUMS}


Spending = Mapping[tuple[str, str], int]
"""(key id, day) -> nano-dollars."""


class UsageStore:
    """Two tables in the catalog's database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, rows: Iterable[UsageRow], spent: Spending, *, drop_before: str = "") -> None:
        """Add to what is there, all or nothing. Raises NotSaved.

        Args:
            rows: what was used since the last time.
            spent: what was spent since the last time.
            drop_before: spending of earlier days is not needed any more; empty: keep all.
        """
        used = [row.values() for row in rows]
        paid = [{"key_id": key, "day": day, "cost": cost} for (key, day), cost in spent.items()]

        async def work(connection: Any) -> None:
            from batuta.catalog import usage_sql

            await usage_sql.add(connection, usage_sql.usage, used)
            await usage_sql.add(connection, usage_sql.spending, paid)
            if drop_before:
                await usage_sql.drop_spending(connection, drop_before)

        if used or paid:
            await self._store.run(work)

    async def rows(self, first: str) -> list[UsageRow]:
        """Return everything from that day on. Raises NotSaved when it cannot be read."""
        found = (await self._store.rows(TABLE, since=first))[TABLE]
        return [_row(raw) for raw in found]

    async def spending(self, first: str) -> dict[tuple[str, str], int]:
        """Return what was spent from that day on. Raises NotSaved when it cannot be read."""
        found = (await self._store.rows(SPENDING, since=first))[SPENDING]
        return {(str(raw["key_id"]), str(raw["day"])): int(raw["cost"]) for raw in found}


def _row(raw: Mapping[str, Any]) -> UsageRow:
    day, provider, model, key_id = (str(raw[name]) for name in KEYS)
    return UsageRow(day, provider, model, key_id, {name: int(raw[name]) for name in SUMS if raw[name]})
