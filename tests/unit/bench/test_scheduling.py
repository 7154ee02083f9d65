"""The scheduling bench: its scenarios give figures, and each goal that is set is judged."""

from __future__ import annotations

import pytest

from batuta.testing.simulate import scores
from batuta.testing.simulate.runs import POLICIES
from bench import scheduling
from bench.scheduling import Report


def test_starvation_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each policy; ours has a bound on the longest wait, and nobody is left."""
    report = Report([], {})
    scheduling.starvation(report)
    assert [goal.figure for goal in report.goals if goal.falls_short("now")] == []
    assert len(report.goals) == 2
    assert {row["policy"] for row in report.record["starvation"]} == set(POLICIES)
    assert "person max s" in capsys.readouterr().out


def test_decisions_are_timed() -> None:
    """A queue of a hundred: the slowest decision's own time is a goal."""
    report = Report([], {})
    scheduling.decisions(report, (100,), decisions=20)
    (goal,) = report.goals
    assert goal.measured is not None
    assert goal.bounds == {"now": 1.0}


def test_what_was_published_is_of_known_workloads_and_policies() -> None:
    """Each published figure stands beside one of ours."""
    assert scheduling.PUBLISHED.keys() == scores.REFERENCE.keys()
    assert all(figures.keys() <= POLICIES.keys() for figures in scheduling.PUBLISHED.values())
