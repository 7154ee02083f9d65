"""How long a loader without a gateway keeps its models. A pure rule; the caller brings the time."""

from __future__ import annotations

EXPECT_S = 5.0  # a gateway says hello to the loader it has started within milliseconds


class Grace:
    """Counts gateways.

    A loader that a person started stays until it has had a gateway; one that lost its last gateway ends after the
    grace time, and one whose gateway never came soon.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._gateways = 0
        self._ends_at: float | None = None

    def expect(self, now: float) -> None:
        """Note that a gateway has started this loader and is about to come; it may be killed before it does."""
        self._ends_at = now + EXPECT_S

    def joined(self) -> None:
        """Note that a gateway has come."""
        self._gateways += 1
        self._ends_at = None

    def left(self, now: float) -> None:
        """Note that a gateway has gone."""
        self._gateways -= 1
        if self._gateways == 0:
            self._ends_at = now + self._grace_s

    @property
    def ends_at(self) -> float | None:
        """When the loader is to end, on the caller's clock; None: not by itself."""
        return self._ends_at

    def is_over(self, now: float) -> bool:
        """Whether the loader is to end now."""
        return self._ends_at is not None and now >= self._ends_at
