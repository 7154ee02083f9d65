"""How long a failed model rests, and when it is given up. Pure: tables and their arithmetic.

Only models that Batuta loads are ever given up. One behind an API is ejected again and again, for five minutes at most:
its provider's bad hour must not leave it switched off in the morning.
"""

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

LONGEST_COOLDOWN_S = 120.0  # the vendors' own clients wait no longer for a limit to pass
BUSY_S = (5.0, 30.0)  # a backend that is too busy is left alone for this long, growing
JITTER = 0.1  # share by which a pause is drawn out at random, so that not everybody comes back in one moment

AT_ONCE = frozenset({Cause.AUTH, Cause.ENGINE_OFFLINE, Cause.QUOTA, Cause.CRASH})
"""Causes for which one bad answer is enough: asking again at once cannot help."""


def cooldown(*, is_limit: bool, asked_s: float | None, times: int, jitter: float) -> float:
    """Return the seconds for which a backend that wants to be left alone is left alone; never less than it asked for.

    Args:
        is_limit: it was asked too often; otherwise it is too busy.
        asked_s: what it asked for; None: it did not say. More than `LONGEST_COOLDOWN_S` is not given.
        times: how often in a row, this time included.
        jitter: a random number from 0 to 1.
    """
    if asked_s is not None:
        base = asked_s
    elif is_limit:
        base = 2.0 ** min(times, 7)
    else:
        base = min(BUSY_S[0] * times, BUSY_S[1])
    return min(base * (1.0 + JITTER * jitter), LONGEST_COOLDOWN_S)
