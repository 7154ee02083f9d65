"""How many further tries all requests together may make. Pure; knows no clock but the one it is given.

When a provider is in trouble, everybody tries again, and that keeps it in trouble. So each request brings a fifth of a
further try with it, and takes what is left of that along when it ends: what is spent is never more than a fifth of the
requests there were. A few tries are always there for the quiet times in which a fifth of the requests is none.
"""

from __future__ import annotations

from collections.abc import Callable

SHARE = 0.2  # Envoy's budget_percent
LEAST = 3  # Envoy's min_retry_concurrency
REFILL_S = 1.0  # after which a try of the quiet times is there again
_ROUNDING = 1e-9  # five fifths are one


class RetryBudget:
    """The further tries of all requests under way.

    Args:
        now: gives monotonic seconds.

    Attributes:
        active: requests under way.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._shares = 0.0  # tries that the requests under way have brought and not spent
        self._reserve = float(LEAST)
        self._filled_at = now()
        self.active = 0

    def enter(self) -> None:
        """A request begins."""
        self.active += 1
        self._shares += SHARE

    def leave(self) -> None:
        """A request ends; its share goes with it, unless it was spent."""
        self.active -= 1
        self._shares = max(0.0, self._shares - SHARE)
        if not self.active:
            self._shares, self._reserve = 0.0, float(LEAST)

    def take(self) -> bool:
        """Take one further try; False when there is none left.

        1. From what the requests under way have brought.
        2. In quiet times, when a fifth of them is not more than three, from the reserve. It is whole again whenever
           nobody is under way, and meanwhile gets one back a second.
        """
        if self._shares >= 1.0 - _ROUNDING:  # 1
            self._shares -= 1.0
            return True
        if self.active * SHARE > LEAST:
            return False
        now = self._now()
        self._reserve = min(LEAST, self._reserve + (now - self._filled_at) / REFILL_S)
        self._filled_at = now
        if self._reserve < 1.0:
            return False
        self._reserve -= 1.0  # 2
        return True

    def __repr__(self) -> str:
        return f"<RetryBudget {self.active} active, {self._shares:.1f} tries left, {self._reserve:.1f} in reserve>"
