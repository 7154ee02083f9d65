"""Decides which resident models make room. Knows nothing of engines, processes or time sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resident model that may be asked to leave.

    Attributes:
        model: its id.
        held: bytes its leaving frees.
        last_used: monotonic seconds of its last use.
        cost: seconds that its leaving is expected to cost: chance of reuse times what bringing it back takes.
        is_busy: it is answering somebody, so its leaving has to wait.
    """

    model: str
    held: int
    last_used: float
    cost: float
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
        chosen = _taken(need, sorted(candidates, key=lambda c: (c.is_busy, c.last_used, c.model)))
        return None if chosen is None else tuple(c.model for c in chosen)


EXACT_UP_TO: Final = 12  # candidates; 4,096 subsets, of which few have to be looked at


class CheapestSubset:
    """The subset that frees enough and costs least to bring back.

    As few busy models as can be; then the least sum of costs; then the fewest models; then those least recently used.
    Unlike a rule that takes one model after the other it does not send three small ones away where one will do. Up to
    `EXACT_UP_TO` candidates all subsets are weighed; beyond that models leave by cost for each byte (Cherkasova's
    GreedyDual-Size-Frequency, 1998).
    """

    def victims(
        self,
        need: int,
        candidates: Sequence[Candidate],
        now: float,  # noqa: ARG002  # the costs have it in them
    ) -> tuple[str, ...] | None:
        """Return the victims, least recently used first."""
        if len(candidates) > EXACT_UP_TO:
            by_worth = sorted(candidates, key=lambda c: (c.is_busy, c.cost / max(c.held, 1), c.last_used, c.model))
            chosen = _taken(need, by_worth)
        else:
            chosen = _cheapest(need, candidates)
        if chosen is None:
            return None
        return tuple(c.model for c in sorted(chosen, key=lambda c: (c.last_used, c.model)))


def _taken(need: int, ordered: Sequence[Candidate]) -> list[Candidate] | None:
    """Take candidates in their order until the need is covered, then put back, from the last, who is not needed."""
    chosen: list[Candidate] = []
    freed = 0
    for candidate in ordered:
        if freed >= need:
            break
        chosen.append(candidate)
        freed += candidate.held
    if freed < need:
        return None
    for candidate in reversed(chosen.copy()):
        if freed - candidate.held >= need:
            chosen.remove(candidate)
            freed -= candidate.held
    return chosen


_Weight = tuple[int, float, int, tuple[float, ...]]
"""Of a subset: busy models, cost, models, last uses from the latest on. Less is better."""


def _weight(chosen: Sequence[Candidate]) -> _Weight:
    uses = sorted((c.last_used for c in chosen), reverse=True)
    return (sum(c.is_busy for c in chosen), sum(c.cost for c in chosen), len(chosen), tuple(uses))


def _cheapest(need: int, candidates: Sequence[Candidate]) -> list[Candidate] | None:
    """Search all subsets that cover the need; a branch that is worse already, or cannot cover it, is not followed."""
    ordered = sorted(candidates, key=lambda c: (c.is_busy, c.cost, c.last_used, c.model))
    left = [0] * (len(ordered) + 1)  # bytes of all candidates from here on
    for i in range(len(ordered) - 1, -1, -1):
        left[i] = left[i + 1] + ordered[i].held
    if left[0] < need:
        return None
    best: list[Candidate] | None = None
    best_weight: _Weight | None = None
    chosen: list[Candidate] = []

    def search(at: int, missing: int, busy: int, cost: float) -> None:
        nonlocal best, best_weight
        if best_weight is not None and (busy, cost) > best_weight[:2]:
            return
        if missing <= 0:
            weight = _weight(chosen)
            if best_weight is None or weight < best_weight:
                best, best_weight = chosen.copy(), weight
            return
        if left[at] < missing:
            return
        candidate = ordered[at]
        chosen.append(candidate)
        search(at + 1, missing - candidate.held, busy + candidate.is_busy, cost + candidate.cost)
        chosen.pop()
        search(at + 1, missing, busy, cost)

    search(0, need, 0, 0.0)
    return best
