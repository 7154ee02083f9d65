"""Turns sums into what the Usage page and `GET /manage/usage` show: grouped, totalled, with percentiles. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from batuta.catalog.usage_store import FIRST, FIRST_BOUNDS, UsageRow
from batuta.usage.cost import dollars

GROUPS: Final = ("day", "provider", "model", "key")
"""What sums can be told apart by."""
FIGURES: Final = (
    "requests",
    "failed",
    "fallbacks",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced",
    "first_token_p50_s",
    "first_token_p95_s",
    "tokens_per_s",
    "loads",
    "load_s",
    "swaps",
)
"""What is said of each group, in the order of the columns."""
_FIELDS: Final[Mapping[str, str]] = {"day": "day", "provider": "provider", "model": "model", "key": "key_id"}
_COUNTS: Final = frozenset(FIGURES) - {"cost_usd", "first_token_p50_s", "first_token_p95_s", "tokens_per_s", "load_s"}
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a cell that begins so for a formula
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """Sums of some days.

    Attributes:
        first: the first day.
        last: the last day, included.
        by: what the rows are told apart by, of `GROUPS`.
        rows: one a group: its names, then its figures; days in order, the rest by cost and requests.
        total: the figures of all together.
    """

    first: str
    last: str
    by: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row

    def csv(self) -> str:
        """Return the rows as comma-separated values, with a head line; what is not known is empty."""
        columns = (*self.by, *FIGURES)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[name]) for name in columns] for row in self.rows)
        return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value


def report(rows: Iterable[UsageRow], *, by: Sequence[str], first: str, last: str) -> Report:
    """Group the sums of the days from `first` to `last`."""
    groups: dict[tuple[str, ...], UsageRow] = {}
    total = UsageRow("", "", "")
    for row in rows:
        if not first <= row.day <= last:
            continue
        names = tuple(getattr(row, _FIELDS[word]) for word in by)
        group = groups.setdefault(names, UsageRow("", "", ""))
        group.add(**row.sums)
        total.add(**row.sums)
    made: list[Row] = [dict(zip(by, names, strict=True)) | figures(group.sums) for names, group in groups.items()]
    made.sort(key=lambda row: (row.get("day", ""), -row["cost_usd"], -row["requests"], *(row[word] for word in by)))
    return Report(first, last, tuple(by), tuple(made), figures(total.sums))


def figures(sums: Mapping[str, int]) -> Row:
    """Return what is said of a group. Seconds, US dollars; None where nothing was measured."""
    counts: Row = {name: sums.get(name, 0) for name in FIGURES if name in _COUNTS}
    firsts = [sums.get(name, 0) for name in FIRST]
    spoken_ms = sums.get("answer_ms", 0)
    made = counts | {
        "cost_usd": dollars(sums.get("cost", 0)),
        "first_token_p50_s": percentile(firsts, 0.5),
        "first_token_p95_s": percentile(firsts, 0.95),
        "tokens_per_s": round(sums.get("answer_tokens", 0) * 1000 / spoken_ms, 1) if spoken_ms else None,
        "load_s": round(sums.get("load_ms", 0) / 1000, 1) if sums.get("loads") else None,
    }
    return {name: made[name] for name in FIGURES}


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Return the seconds below which that share of the times lie, from their classes; None for no times.

    Within a class, times are taken to be spread evenly; in the last, which has no upper end, they are its lower end.
    """
    wanted = sum(counts) * share
    if not wanted:
        return None
    below, lower = 0, 0.0
    for count, upper in zip(counts, (*FIRST_BOUNDS, FIRST_BOUNDS[-1]), strict=True):
        if count and below + count >= wanted:
            return round(lower + (upper - lower) * (wanted - below) / count, 3)
        below, lower = below + count, upper
    return FIRST_BOUNDS[-1]
