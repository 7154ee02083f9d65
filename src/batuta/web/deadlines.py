"""How far one connection is, and when it is overdue. Pure: time and byte counts come in, a verdict goes out."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from batuta.settings import EdgeSettings

LINGER_S: Final = 2.0  # to read on after an early refusal, so that the client gets to see it before the reset


class Phase(IntEnum):
    """What a connection is doing, as its input shows it. From LINGER on, input is thrown away."""

    SILENT = 0  # has never said anything
    HEAD = 1  # a request's head is arriving
    BODY = 2  # its body is
    ANSWERING = 3  # the request is whole: all the time it takes is ours
    IDLE = 4  # answered, kept alive
    LINGER = 5  # refused before its input ended
    CLOSED = 6


class Verdict(Enum):
    """What to do with an overdue connection."""

    CLOSE = "close"  # nothing was asked: nothing is said
    TOO_SLOW = "too slow"  # 408
    CUT = "cut"  # it takes nothing: no answer could be delivered


class Progress:
    """What is known of one connection's pace. The protocol writes the facts in; `overdue` judges them."""

    __slots__ = ("phase", "since", "unsent", "unsent_since", "window_bytes", "window_start")

    def __init__(self, now: float) -> None:
        self.phase = Phase.SILENT
        self.since = now
        self.window_start = now
        self.window_bytes = 0
        self.unsent = 0
        self.unsent_since = now

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase; the body's pace is measured afresh."""
        self.phase = phase
        self.since = self.window_start = now
        self.window_bytes = 0

    def note_unsent(self, unsent: int, now: float, *, is_growing: bool) -> None:
        """Note how many bytes wait for the reader. While we still add some, their number says nothing."""
        if is_growing or unsent == 0 or unsent < self.unsent:
            self.unsent_since = now
        self.unsent = unsent

    def overdue(self, now: float, limits: EdgeSettings, *, is_paused: bool) -> Verdict | None:
        """Return what to do now, or None.

        1. what we sent is not taken                            CUT
        2. lingering is over                                    CUT
        3. silent from the start, or between two requests       CLOSE
        4. the head takes too long                              TOO_SLOW
        5. the body comes too slowly over the last grace time   TOO_SLOW

        Args:
            now: the loop's clock.
            limits: seconds and rates.
            is_paused: we stopped reading, so a standing body is not the client's doing.
        """
        waited = now - self.since
        if self.unsent and now - self.unsent_since >= limits.write_timeout_s:  # 1
            return Verdict.CUT
        if self.phase is Phase.LINGER:  # 2
            return Verdict.CUT if waited >= LINGER_S else None
        if self.phase is Phase.SILENT:  # 3
            return Verdict.CLOSE if waited >= limits.idle_timeout_s else None
        if self.phase is Phase.IDLE:  # 3
            return Verdict.CLOSE if waited >= limits.keep_alive_s else None
        if self.phase is Phase.HEAD:  # 4
            return Verdict.TOO_SLOW if waited >= limits.head_timeout_s else None
        if self.phase is Phase.BODY:  # 5
            return self._body_overdue(now, limits, is_paused=is_paused)
        return None

    def _body_overdue(self, now: float, limits: EdgeSettings, *, is_paused: bool) -> Verdict | None:
        elapsed = now - self.window_start
        if elapsed < limits.body_grace_s and not is_paused:
            return None
        if not is_paused and self.window_bytes < limits.body_min_rate * elapsed:
            return Verdict.TOO_SLOW
        # A window at a time: a fast start must not pay for hours of trickling afterwards.
        self.window_start = now
        self.window_bytes = 0
        return None


def sweep_interval_s(limits: EdgeSettings) -> float:
    """Return how often to look at all connections: a quarter of the shortest limit, 20 ms to 1 s."""
    shortest = min(
        limits.head_timeout_s, limits.idle_timeout_s, limits.keep_alive_s, limits.body_grace_s, limits.write_timeout_s
    )
    return min(1.0, max(0.02, shortest / 4))
