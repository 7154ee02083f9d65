"""How likely a model is wanted again: its uses, each worth less the longer ago it was. Pure; knows no clock."""

from __future__ import annotations

HALF_LIFE_S = 1800.0  # a use of half an hour ago says half as much: an evening's work, not last week's


class Reuse:
    """A count of uses that decays by half each `HALF_LIFE_S` seconds."""

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0

    def note(self, now: float) -> None:
        """Count a use at `now` (monotonic seconds)."""
        self._value = self.at(now) + 1.0
        self._at = now

    def at(self, now: float) -> float:
        """Return the decayed count as it is at `now`."""
        if not self._value:
            return 0.0
        return float(self._value * 2.0 ** (-max(0.0, now - self._at) / HALF_LIFE_S))

    def __repr__(self) -> str:
        return f"<Reuse {self._value:.2f} at {self._at:.0f} s>"
