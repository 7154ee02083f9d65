"""Sums become rows, totals and percentiles."""

from __future__ import annotations

import csv
import io

import pytest

from batuta.catalog.usage_store import UsageRow
from batuta.usage.report import FIGURES, percentile, report


def row(day: str, model: str, key: str = "", **sums: int) -> UsageRow:
    return UsageRow(day, model.partition("/")[0], model, key, {"requests": 1, **sums})


ROWS = [
    row("2026-11-01", "openai/a", "k1", cost=2_000_000_000, completion_tokens=10),
    row("2026-11-01", "local/b", completion_tokens=20),
    row("2026-11-02", "openai/a", "k2", cost=1_000_000_000, completion_tokens=30),
    row("2026-12-01", "openai/a", "k2", cost=9_000_000_000),
]


def of(*by: str) -> list[tuple[object, ...]]:
    found = report(ROWS, by=by, first="2026-11-01", last="2026-11-30")
    return [tuple(line[word] for word in (*by, "requests", "cost_usd")) for line in found.rows]


def test_groups_and_total() -> None:
    """Days outside the span do not count; the dearest first, days in order."""
    assert of("day") == [("2026-11-01", 2, 2.0), ("2026-11-02", 1, 1.0)]
    assert of("model") == [("openai/a", 2, 3.0), ("local/b", 1, 0.0)]
    assert of("provider", "key") == [("openai", "k1", 1, 2.0), ("openai", "k2", 1, 1.0), ("local", "", 1, 0.0)]
    assert of() == [(3, 3.0)]
    assert report(ROWS, by=(), first="2026-11-01", last="2026-11-30").total["completion_tokens"] == 60


def test_nothing_measured_is_not_zero() -> None:
    """Times and speeds of nothing are unknown."""
    total = report([], by=("day",), first="2026-11-01", last="2026-11-30").total
    assert [name for name in FIGURES if total[name] is None] == [
        "first_token_p50_s",
        "first_token_p95_s",
        "tokens_per_s",
        "load_s",
    ]


def test_speed_and_loads() -> None:
    """Tokens by the time they took; seconds of loading together."""
    line = row("2026-11-01", "local/b", answer_tokens=50, answer_ms=2000, loads=2, load_ms=3500)
    total = report([line], by=(), first="2026-11-01", last="2026-11-01").total
    assert (total["tokens_per_s"], total["loads"], total["load_s"]) == (25.0, 2, 3.5)


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ([0] * 10, 0.5, None),
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.5, 0.05),
        ([5, 0, 0, 5, 0, 0, 0, 0, 0, 0], 0.95, 0.95),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 0.5, 60.0),
    ],
)
def test_percentiles_of_classes(counts: list[int], share: float, seconds: float | None) -> None:
    """Spread evenly within a class; beyond the last end nobody knows how far."""
    assert percentile(counts, share) == seconds


def test_csv_is_safe_to_open() -> None:
    """A model's name cannot become a formula; commas and quotes stay in their cell."""
    rows = [row("2026-11-01", '=cmd|"x",1'), row("2026-11-02", 'a "b", c')]
    text = report(rows, by=("day", "model"), first="2026-11-01", last="2026-11-02").csv()
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == ["day", "model", *FIGURES]
    assert [line[1] for line in read[1:]] == ['\'=cmd|"x",1', 'a "b", c']
