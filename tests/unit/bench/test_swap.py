"""How a swap is cut into its parts, and what the report makes of them. No process is started."""

from __future__ import annotations

from typing import Any

import pytest

from bench import swap
from bench.processes import NotStarted

STORY: list[tuple[float, dict[str, Any]]] = [
    (10.2, {"event": "state", "model": {"id": "a", "state": "unloading"}}),
    (10.3, {"event": "state", "model": {"id": "a", "state": "absent"}}),
    (10.9, {"event": "unloaded", "model": "a", "stop_s": 0.1, "back_s": 0.5, "note": ""}),
    (11.0, {"event": "state", "model": {"id": "b", "state": "loading"}}),
    (11.1, {"event": "progress", "model": "b", "stage": "starting", "fraction": None}),
    (11.2, {"event": "progress", "model": "b", "stage": "reading", "fraction": 0.0}),
    (11.4, {"event": "progress", "model": "b", "stage": "reading", "fraction": 0.9}),
    (12.0, {"event": "progress", "model": "b", "stage": "warming", "fraction": 1.0}),
    (12.2, {"event": "progress", "model": "b", "stage": "warming", "fraction": 1.0}),
    (12.5, {"event": "state", "model": {"id": "b", "state": "ready"}}),
]


def heard(monkeypatch: pytest.MonkeyPatch, story: list[tuple[float, dict[str, Any]]]) -> swap.Marks:
    marks = swap.Marks()
    for at, event in story:
        monkeypatch.setattr(swap.time, "perf_counter", lambda at=at: at)  # type: ignore[attr-defined]  # it is `time`
        marks.hear(event)
    return marks


def test_the_parts_of_a_swap_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part lies between two things that the loader said, and nothing lies between the parts."""
    parts = swap.parts_of(heard(monkeypatch, STORY), "a", "b", last=10.0, first=12.8)
    assert parts == pytest.approx({
        "swap": 2.8, "drain": 0.2, "unload": 0.2, "memory back": 0.5, "process start": 0.3, "read": 0.8, "warm-up": 0.5,
        "first token": 0.3,
    })  # fmt: skip
    assert sum(parts[name] for name in swap.PARTS) == pytest.approx(parts["swap"])


def test_a_model_that_never_said_that_it_warms_up_was_read_until_it_was_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one may be through before it is looked at."""
    story = [(at, event) for at, event in STORY if event.get("stage") != "warming"]
    parts = swap.parts_of(heard(monkeypatch, story), "a", "b", last=10.0, first=12.8)
    assert parts["read"] == pytest.approx(1.3)
    assert parts["warm-up"] == 0


def test_two_models_side_by_side_are_no_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was unloaded, nothing is measured: the budget held both."""
    with pytest.raises(NotStarted, match="a was not unloading"):
        swap.parts_of(heard(monkeypatch, STORY[3:]), "a", "b", last=10.0, first=12.8)


def test_the_report_compares_within_a_round() -> None:
    """A slow round is slow for the load by hand, too: the median of ratios stands, not the ratio of medians."""
    parts = dict.fromkeys(swap.PARTS, 0.1)
    rows = [
        {"cache": "warm", "swap": 2.0, "by hand": 1.0, "floor": 0.5, **parts},
        {"cache": "warm", "swap": 12.0, "by hand": 10.0, "floor": 6.0, **parts},
        {"cache": "warm", "swap": 1.3, "by hand": 1.0, "floor": 0.5, **parts},
        {"cache": "cold", "swap": 9.0, "by hand": 3.0, "floor": 3.0, **parts},
    ]
    assert swap.ratio(rows, "warm", "by hand") == pytest.approx(1.3)
    assert swap.ratio(rows, "cold", "floor") == 3.0
    assert swap.ratio([], "warm", "by hand") is None
    text = swap.report(rows)
    assert "warm cache" in text
    assert "cold cache" in text
