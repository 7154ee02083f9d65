"""What bringing a model to answer costs, in seconds, from each place its bytes can be. Pure; learns from real loads.

Until a load from a place was seen, the figure is an estimate: that of another place that was seen, in the proportion in
which places usually differ, else one from its bytes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batuta.catalog.entities import Tier

WEIGHT: Final = 0.3  # of the newest load: five loads make a change of disk or driver known
# (seconds at the start, bytes a second after it) of a desktop: PCIe 4, DDR4 and an NVMe disk, with headroom.
USUAL: Final[Mapping[Tier, tuple[float, float]]] = {
    Tier.PARKED: (0.3, 12e9),
    Tier.CACHED: (1.0, 5e9),
    Tier.DISK: (1.0, 1.5e9),
}


class LoadTimes:
    """The loads of one model."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[Tier, float] = {}

    @property
    def seen(self) -> dict[Tier, float]:
        """Return a copy of what was measured: tier -> smoothed seconds."""
        return dict(self._seen)

    def note(self, tier: Tier, seconds: float) -> None:
        """Learn from a load that began with the model's bytes in `tier`."""
        before = self._seen.get(tier)
        self._seen[tier] = seconds if before is None else before + WEIGHT * (seconds - before)

    def take(self, seen: Mapping[Tier, float]) -> None:
        """Take over what was measured in an earlier run; what this run has measured counts more."""
        self._seen = {**seen, **self._seen}

    def expected(self, tier: Tier, need: int) -> float:
        """Return the seconds of a load from `tier`. need: the model's bytes."""
        if tier not in USUAL:
            return 0.0
        if (seen := self._seen.get(tier)) is not None:
            return seen
        own = usual(tier, need)
        for other in (Tier.CACHED, Tier.DISK, Tier.PARKED):
            if (known := self._seen.get(other)) is not None:
                return known * own / usual(other, need)
        return own

    def forget(self) -> None:
        """Forget everything: the model is another file now."""
        self._seen.clear()

    def __repr__(self) -> str:
        return f"<LoadTimes {', '.join(f'{tier}: {s:.1f} s' for tier, s in self._seen.items()) or 'none seen'}>"


def usual(tier: Tier, need: int) -> float:
    """Return the seconds that a load of `need` bytes from a tier usually takes."""
    start, rate = USUAL[tier]
    return start + need / rate
