"""How long a loader without a gateway keeps its models. A pure rule; the caller brings the time."""

from __future__ import annotations


class Grace:
    """Counts gateways. A loader that never had one stays; one that lost its last one ends after the grace time."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._gateways = 0
        self._ends_at: float | None = None

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
