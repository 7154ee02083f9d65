"""Who asks for what and when: streams that come whatever happens, and people who wait for each answer.

Knows nothing of models' sizes or of who decides.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from batuta.lifecycle.events import Priority

HINT_S = 60.0  # how long a person's next step is expected


@dataclass(frozen=True, slots=True)
class Job:
    """One request.

    Attributes:
        id: its name, unique in its simulation.
        model: which model it wants.
        n_in: tokens it brings.
        n_out: tokens of its answer.
        priority: who waits.
        place: where it stands in its own sequence, for whoever made it.
    """

    id: str
    model: str
    n_in: int
    n_out: int
    priority: Priority = Priority.NORMAL
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request comes at `at` (seconds from the beginning)."""

    at: float
    job: Job


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody will soon want the model: known at `at`, void after `until`."""

    at: float
    model: str
    until: float


Happening = Arrival | Hint


class Source(Protocol):
    """Where requests come from."""

    def begin(self) -> Iterable[Happening]:
        """Return what happens by itself."""
        ...

    def after(self, job: Job, now: float) -> Iterable[Happening]:
        """Return what follows from the end of an answer, or from a refusal."""
        ...


class Stream:
    """Requests that come at their times, whatever happens to the earlier ones."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals = arrivals

    def begin(self) -> Iterable[Happening]:
        return self.arrivals

    def after(self, job: Job, now: float) -> Iterable[Happening]:  # noqa: ARG002  # nobody waits for an answer here
        return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a person. `pause_s`: from the end of the step before it (or from the beginning) to its arrival."""

    pause_s: float
    model: str
    n_in: int
    n_out: int


class People:
    """Several people at once, each of whom asks again some time after the last answer.

    Args:
        steps: of each person, in order.
        hints: whether the next step is known as soon as an answer ends.
        priority: theirs.
    """

    def __init__(
        self, steps: Sequence[Sequence[Step]], *, hints: bool = False, priority: Priority = Priority.NORMAL
    ) -> None:
        self._steps = steps
        self._hints = hints
        self._priority = priority

    def begin(self) -> Iterable[Happening]:
        for person in range(len(self._steps)):
            yield from self._next(person, 0, 0.0)

    def after(self, job: Job, now: float) -> Iterable[Happening]:
        person, place = job.place
        return self._next(person, place + 1, now)

    def _next(self, person: int, place: int, now: float) -> Iterable[Happening]:
        if place >= len(self._steps[person]):
            return
        step = self._steps[person][place]
        if self._hints and place:
            yield Hint(now, step.model, now + HINT_S)
        name = f"u{person}.{place}"
        job = Job(name, step.model, step.n_in, step.n_out, self._priority, (person, place))
        yield Arrival(now + step.pause_s, job)


class InOrder:
    """One request after the other: the next does not come before the last was answered, nor before its own time.

    What makes eviction comparable with the offline optimum: the order of requests never changes.
    """

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals

    def begin(self) -> Iterable[Happening]:
        return [Arrival(arrival.at, _placed(arrival.job, 0)) for arrival in self._arrivals[:1]]

    def after(self, job: Job, now: float) -> Iterable[Happening]:
        place = job.place[1] + 1
        return [
            Arrival(max(now, arrival.at), _placed(arrival.job, place)) for arrival in self._arrivals[place : place + 1]
        ]


def _placed(job: Job, place: int) -> Job:
    return Job(job.id, job.model, job.n_in, job.n_out, job.priority, (0, place))


class Workers:
    """Jobs in a loop: each worker asks again as soon as it has its answer, until `until`.

    Args:
        model: which model they want.
        count: how many there are.
        n_in: tokens of each request.
        n_out: tokens of an answer, on average; they differ, or the model would be idle each time all ended at once.
        until: seconds from the beginning at which they stop.
        seed: of the answers' lengths.
    """

    def __init__(self, model: str, *, count: int, n_in: int, n_out: int, until: float, seed: int = 1) -> None:
        self._shape = (model, n_in, n_out)
        self._count = count
        self._until = until
        self._chance = random.Random(seed)

    def begin(self) -> Iterable[Happening]:
        return [self._ask(worker, 0, 0.0) for worker in range(self._count)]

    def after(self, job: Job, now: float) -> Iterable[Happening]:
        worker, place = job.place
        return [self._ask(worker, place + 1, now)] if now < self._until else ()

    def _ask(self, worker: int, place: int, now: float) -> Arrival:
        model, n_in, n_out = self._shape
        length = round(n_out * self._chance.uniform(0.5, 1.5))
        return Arrival(now, Job(f"w{worker}.{place}", model, n_in, length, Priority.BATCH, (worker, place)))


class Together:
    """Several sources at once. Their requests' names must differ."""

    def __init__(self, *sources: Source) -> None:
        self._sources = sources
        self._owner: dict[str, Source] = {}

    def begin(self) -> Iterable[Happening]:
        for source in self._sources:
            yield from self._owned(source, source.begin())

    def after(self, job: Job, now: float) -> Iterable[Happening]:
        source = self._owner.pop(job.id)
        return self._owned(source, source.after(job, now))

    def _owned(self, source: Source, happenings: Iterable[Happening]) -> Iterable[Happening]:
        for happening in happenings:
            if isinstance(happening, Arrival):
                self._owner[happening.job.id] = source
            yield happening
