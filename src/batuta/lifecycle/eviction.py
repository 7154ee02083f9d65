"""Decides which resident models make room. Knows nothing of engines, processes or time sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resident model that may be asked to leave.

    Attributes:
        model: its id.
        held: bytes its leaving frees.
        last_used: monotonic seconds of its last use.
        load_seconds: what bringing it back costs; 0 when unknown.
        is_busy: it is answering somebody, so its leaving has to wait.
    """

    model: str
    held: int
    last_used: float
    load_seconds: float
    is_busy: bool


class EvictionPolicy(Protocol):
    """Chooses victims among candidates that may leave. Pins and leases are respected before it is asked."""

    def victims(self, need: int, candidates: Sequence[Candidate], now: float) -> tuple[str, ...] | None:
        """Return the models to evict so that `need` bytes become free, or None if all together are too few."""
        ...


class LeastRecentlyUsed:
    """The simple rule: idle before busy, oldest use first, and nobody leaves who need not."""

    def victims(
        self,
        need: int,
        candidates: Sequence[Candidate],
        now: float,  # noqa: ARG002  # policies that weigh reuse need it
    ) -> tuple[str, ...] | None:
        """Return victims in the order in which they should leave.

        1. Take candidates, idle ones first, least recently used first, until the need is covered.
        2. Put back, latest used first, each that the others can do without.
        """
        chosen: list[Candidate] = []
        freed = 0
        for candidate in sorted(candidates, key=lambda c: (c.is_busy, c.last_used, c.model)):  # 1
            if freed >= need:
                break
            chosen.append(candidate)
            freed += candidate.held
        if freed < need:
            return None
        for candidate in reversed(chosen.copy()):  # 2
            if freed - candidate.held >= need:
                chosen.remove(candidate)
                freed -= candidate.held
        return tuple(c.model for c in chosen)
