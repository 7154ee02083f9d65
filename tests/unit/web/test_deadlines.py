"""When a connection is overdue: facts in, verdict out, no clock and no socket."""

from __future__ import annotations

import pytest

from batuta.settings import EdgeSettings
from batuta.web.deadlines import LINGER_S, Phase, Progress, Verdict, sweep_interval_s

LIMITS = EdgeSettings()


@pytest.mark.parametrize(
    ("phase", "seconds", "verdict"),
    [
        (Phase.SILENT, 9.9, None),
        (Phase.SILENT, 10, Verdict.CLOSE),
        (Phase.HEAD, 9.9, None),
        (Phase.HEAD, 10, Verdict.TOO_SLOW),
        (Phase.ANSWERING, 100_000, None),
        (Phase.IDLE, 74.9, None),
        (Phase.IDLE, 75, Verdict.CLOSE),
        (Phase.LINGER, LINGER_S, Verdict.CUT),
    ],
)
def test_each_phase_has_its_time(phase: Phase, seconds: float, verdict: Verdict | None) -> None:
    """Silence, head, idleness and lingering end; answering takes what it takes."""
    progress = Progress(0.0)
    progress.enter(phase, 100.0)
    assert progress.overdue(100.0 + seconds, LIMITS, is_paused=False) is verdict


def test_a_fast_start_does_not_pay_for_trickling_later() -> None:
    """The body's pace is judged over the last grace time, not over its whole life."""
    progress = Progress(0.0)
    progress.enter(Phase.BODY, 0.0)
    progress.window_bytes = 10_000_000
    assert progress.overdue(10.0, LIMITS, is_paused=False) is None
    progress.window_bytes = 100
    assert progress.overdue(20.0, LIMITS, is_paused=False) is Verdict.TOO_SLOW


def test_a_body_we_do_not_read_is_not_the_clients_fault() -> None:
    """While reading is paused the window starts anew."""
    progress = Progress(0.0)
    progress.enter(Phase.BODY, 0.0)
    assert progress.overdue(50.0, LIMITS, is_paused=True) is None
    assert progress.overdue(59.0, LIMITS, is_paused=False) is None
    assert progress.overdue(60.0, LIMITS, is_paused=False) is Verdict.TOO_SLOW


def test_a_reader_is_cut_only_if_it_takes_nothing() -> None:
    """A slow reader is fine; one that takes nothing for the write time is cut, also after its answer's end."""
    for phase in (Phase.ANSWERING, Phase.IDLE):
        progress = Progress(0.0)
        progress.enter(phase, 0.0)
        for second in range(60):
            progress.note_unsent(100_000 - second, float(second), is_growing=False)
        assert progress.overdue(59.0, LIMITS, is_paused=False) is None
        for second in range(60, 120):
            progress.note_unsent(99_941, float(second), is_growing=False)
        assert progress.overdue(118.9, LIMITS, is_paused=False) is not Verdict.CUT
        assert progress.overdue(119.0, LIMITS, is_paused=False) is Verdict.CUT


def test_a_growing_buffer_proves_nothing() -> None:
    """While we still write, the buffer's size does not show what the reader took."""
    progress = Progress(0.0)
    progress.enter(Phase.ANSWERING, 0.0)
    for second in range(200):
        progress.note_unsent(second * 10, float(second), is_growing=True)
    assert progress.overdue(200.0, LIMITS, is_paused=False) is None


def test_the_sweep_is_as_fine_as_the_shortest_limit() -> None:
    """A quarter of it, but no finer than 20 ms and no coarser than a second."""
    assert sweep_interval_s(LIMITS) == 1.0
    assert sweep_interval_s(EdgeSettings(head_timeout_s=0.2)) == 0.05
    assert sweep_interval_s(EdgeSettings(head_timeout_s=0.001)) == 0.02
