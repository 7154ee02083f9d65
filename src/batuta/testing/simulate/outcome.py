"""What came of a simulation: waits, loads, and the facts in their order. Knows nothing of how they came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from batuta.lifecycle.events import Priority
from batuta.testing.simulate.demand import Job


class Kind(StrEnum):
    """What happened."""

    WANTED = "wanted"
    HINTED = "hinted"
    GRANTED = "granted"
    REFUSED = "refused"
    FINISHED = "finished"
    LOAD = "load"
    LOADED = "loaded"
    ABORTED = "aborted"
    UNLOAD = "unload"
    UNLOADED = "unloaded"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened, at `at` seconds from the beginning, to `model`; `job` where it was about a request."""

    at: float
    kind: Kind
    model: str
    job: str = ""

    def __str__(self) -> str:
        return f"{self.at:10.2f} {self.kind.value:<8} {self.model}{' ' + self.job if self.job else ''}"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one request waited, in seconds from its arrival to the start of its answer."""

    job: Job
    arrived: float
    seconds: float


@dataclass(slots=True)
class Outcome:
    """The figures of one simulation.

    Attributes:
        waits: of each request that was answered.
        refused: requests that got no answer, and why.
        loads: how many were begun.
        load_s: what they took together, in seconds.
        ended: seconds from the beginning to the last event.
        facts: everything in its order; empty where nobody asked for it.
        left: requests that were never answered at all.
        sent_away: requests that went to a model behind an API instead.
    """

    waits: list[Wait] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    loads: int = 0
    load_s: float = 0.0
    ended: float = 0.0
    facts: list[Fact] = field(default_factory=list)
    left: tuple[str, ...] = ()
    sent_away: int = 0

    def wait_s(self, share: float, priority: Priority | None = None) -> float:
        """Return the wait (s) below which `share` (0..1) of the requests lie; 0 where there are none."""
        return quantile(self._seconds(priority), share)

    def mean_wait_s(self, priority: Priority | None = None) -> float:
        """Return the mean wait in seconds; 0 where there are none."""
        seconds = self._seconds(priority)
        return sum(seconds) / len(seconds) if seconds else 0.0

    def longest_wait_s(self, priority: Priority | None = None) -> float:
        """Return the longest wait in seconds; 0 where there are none."""
        return max(self._seconds(priority), default=0.0)

    def _seconds(self, priority: Priority | None) -> list[float]:
        return [wait.seconds for wait in self.waits if priority is None or wait.job.priority is priority]

    def story(self, model: str) -> list[Fact]:
        """Return what happened to one model, in order."""
        return [fact for fact in self.facts if fact.model == model]

    def __repr__(self) -> str:
        waits = " / ".join(f"{self.wait_s(share):.1f}" for share in (0.5, 0.95, 0.99))
        return f"<Outcome {self.load_s:.0f} s in {self.loads} loads, {len(self.waits)} waited {waits} s>"


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie, by nearest rank; 0 when there are none."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else 0.0
