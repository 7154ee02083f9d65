"""Decides how much room other programs leave on a device, from one look after the other. Pure: no clock, no device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

LOWER_AFTER: Final = 2  # looks in a row that find less: one may have met a program that was just starting
RAISE_AFTER_S: Final = 30.0  # of calm: what has just been given back is often taken again


@dataclass(frozen=True, slots=True)
class Course:
    """What the looks at one device have come to.

    Attributes:
        room: bytes that models may have, in force.
        lower: looks in a row that found clearly less.
        calm_since: monotonic seconds since which every look has found clearly more; None: the last one did not.
        least: the least that those found.
    """

    room: int
    lower: int = 0
    calm_since: float | None = None
    least: int = 0

    def after(self, seen: int, *, tolerance: int, now: float) -> Course:
        """Return the course after a look that found room for `seen` bytes at `now` (monotonic seconds).

        1. About as much as before: nothing has changed, and nothing is pending.
        2. Clearly less: so be it, the second time in a row.
        3. Clearly more: after half a minute of that, as much is given back as was there all the time.
        """
        if abs(seen - self.room) < tolerance:  # 1
            return Course(self.room)
        if seen < self.room:  # 2
            lower = self.lower + 1
            return Course(seen) if lower >= LOWER_AFTER else Course(self.room, lower=lower)
        if self.calm_since is None:  # 3
            return Course(self.room, calm_since=now, least=seen)
        least = min(self.least, seen)
        is_calm = now - self.calm_since >= RAISE_AFTER_S
        return Course(least) if is_calm else replace(self, least=least)

    @property
    def is_pending(self) -> bool:
        """Whether the next look may change it."""
        return self.lower > 0 or self.calm_since is not None
