"""How long a failed model rests, and when it is given up. Pure: a table and its arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from batuta.errors import Cause

EJECT_AFTER = 5  # Envoy's consecutive_5xx default: fewer ejects a model for a hiccup
GIVE_UP_AFTER = 5  # failures in a row after which a person has to look
STEADY_S = 60.0  # a model that has stood this long has earned a clean record
RETRY_AFTER_S = 5.0  # when nobody knows how long a wait is: about what one answer of a small model takes
WAIT_OUT_S = 5.0  # a cooldown shorter than this is waited out by a caller rather than refused


@dataclass(frozen=True, slots=True)
class Rest:
    """The cooldown after the n-th failure in a row.

    Attributes:
        first_s: after the first failure.
        doubles: each further failure doubles it; otherwise each adds `first_s`.
        cap_s: never longer than this.
        gives_up: whether this cause, in a row, leads to DISABLED. An engine that a person has switched
            off for the night must not have its models disabled in the morning.
    """

    first_s: float
    doubles: bool
    cap_s: float
    gives_up: bool

    def after(self, failures: int) -> float:
        """Return the cooldown in seconds after that many failures in a row (1 or more)."""
        grown = self.first_s * (2 ** (failures - 1) if self.doubles else failures)
        return min(grown, self.cap_s)


_SLOW = Rest(first_s=30.0, doubles=False, cap_s=300.0, gives_up=True)
_QUICK = Rest(first_s=0.5, doubles=True, cap_s=30.0, gives_up=True)

RESTS: dict[Cause, Rest] = {
    Cause.NOT_INSTALLED: _SLOW,
    Cause.OUT_OF_MEMORY: _SLOW,
    Cause.ENGINE_OFFLINE: Rest(first_s=0.5, doubles=True, cap_s=30.0, gives_up=False),
    Cause.CORRUPT_FILE: _SLOW,
    Cause.UNREADABLE_FILE: _SLOW,
    Cause.FORBIDDEN_PATH: _SLOW,
    Cause.TIMEOUT: _SLOW,
    Cause.CRASH: _QUICK,
    Cause.AUTH: Rest(first_s=30.0, doubles=False, cap_s=300.0, gives_up=False),
    Cause.QUOTA: Rest(first_s=30.0, doubles=False, cap_s=300.0, gives_up=False),
    Cause.UNKNOWN: _SLOW,
}

AT_ONCE = frozenset({Cause.AUTH, Cause.ENGINE_OFFLINE, Cause.QUOTA, Cause.CRASH})
"""Causes for which one bad answer is enough: asking again at once cannot help."""
