"""Who waits for which model, and who is served next. Pure; knows nothing of memory or engines."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from batuta.lifecycle.events import Priority


@dataclass(slots=True)
class Waiter:
    """A request in the queue. `due`: the moment from which a busy model must leave for it."""

    request: str
    model: str
    priority: Priority
    arrived: float
    deadline: float
    due: float
    swaps_seen: int = 0


class QueuePolicy(Protocol):
    """Sets when a waiter is due. Waiters are served in the order in which they are due."""

    def due(self, priority: Priority, arrived: float) -> float:
        """Return the moment from which the waiter's model may push a busy one out."""
        ...

    def is_overdue(self, waiter: Waiter, now: float) -> bool:
        """Say whether the waiter has waited long enough, in seconds or in swaps, to push a busy model out."""
        ...

    def leave_alone_s(self, swap_s: float) -> float:
        """Return for how many seconds after its load a busy model stays, whoever waits.

        swap_s: what replacing it and bringing it back takes.
        """
        ...


class BoundedWait:
    """Same model first, with a bound: a busy model is left alone until a waiter is due, then it is drained.

    Being served in the order of due times is ageing: a batch job that has waited 60 s goes before an
    interactive request that has just come. A busy model also stays for some times what its swap costs, or a loaded
    device would do nothing but swap: with four, loads take a fifth of the time at most.
    """

    def __init__(self, *, normal_s: float = 15.0, max_swaps: int = 2, busy_factor: float = 4.0) -> None:
        self._wait = {Priority.INTERACTIVE: normal_s / 3, Priority.NORMAL: normal_s, Priority.BATCH: normal_s * 4}
        self._max_swaps = max_swaps
        self._busy_factor = busy_factor

    def due(self, priority: Priority, arrived: float) -> float:
        """Return arrival plus the class's patience: a third of the normal one, the normal one, or four times it."""
        return arrived + self._wait[priority]

    def is_overdue(self, waiter: Waiter, now: float) -> bool:
        """Say whether the patience is over or too many swaps went by."""
        return now >= waiter.due or waiter.swaps_seen >= self._max_swaps

    def leave_alone_s(self, swap_s: float) -> float:
        """Return the busy factor times the seconds of the swap."""
        return self._busy_factor * swap_s


class ModelQueue:
    """The waiters of one model: first come first served in each priority, earliest due first among them."""

    __slots__ = ("_lanes", "size")

    def __init__(self) -> None:
        self._lanes: tuple[dict[str, Waiter], ...] = tuple({} for _ in Priority)
        self.size = 0

    def add(self, waiter: Waiter) -> None:
        """Put a waiter at the end of its lane."""
        self._lanes[waiter.priority][waiter.request] = waiter
        self.size += 1

    def remove(self, waiter: Waiter) -> None:
        """Take a waiter out, wherever it stands."""
        del self._lanes[waiter.priority][waiter.request]
        self.size -= 1

    def head(self) -> Waiter | None:
        """Return the waiter that is due first."""
        heads = [next(iter(lane.values())) for lane in self._lanes if lane]
        return min(heads, key=lambda w: w.due) if heads else None

    def __iter__(self) -> Iterator[Waiter]:
        return heapq.merge(*(lane.values() for lane in self._lanes), key=lambda w: w.due)

    def __len__(self) -> int:
        return self.size


class WaitingRoom:
    """All waiters of all models, with their deadlines. Every operation is cheap at 10,000 waiters."""

    def __init__(self) -> None:
        self._waiters: dict[str, Waiter] = {}
        self._queues: dict[str, ModelQueue] = {}
        self._deadlines: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def __contains__(self, request: str) -> bool:
        return request in self._waiters

    def add(self, waiter: Waiter) -> None:
        """Let a waiter in."""
        self._waiters[waiter.request] = waiter
        self._queues.setdefault(waiter.model, ModelQueue()).add(waiter)
        heapq.heappush(self._deadlines, (waiter.deadline, waiter.request))

    def pop(self, request: str) -> Waiter | None:
        """Let a waiter out; None if it is not here."""
        waiter = self._waiters.pop(request, None)
        if waiter is not None:
            queue = self._queues[waiter.model]
            queue.remove(waiter)
            if not queue:
                del self._queues[waiter.model]
        return waiter

    def count(self, model: str) -> int:
        """Return how many wait for the model."""
        queue = self._queues.get(model)
        return len(queue) if queue else 0

    def head(self, model: str) -> Waiter | None:
        """Return the model's waiter that is due first."""
        queue = self._queues.get(model)
        return queue.head() if queue else None

    def of(self, model: str) -> list[Waiter]:
        """Return the model's waiters in the order of service."""
        queue = self._queues.get(model)
        return list(queue) if queue else []

    def models(self) -> list[str]:
        """Return the models somebody waits for, the one with the earliest due waiter first."""
        heads = [(waiter.due, model) for model, queue in self._queues.items() if (waiter := queue.head())]
        return [model for _, model in sorted(heads)]

    def expired(self, now: float) -> list[Waiter]:
        """Return the waiters whose deadline has passed (they are still in; `pop` them)."""
        late: list[Waiter] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, request = heapq.heappop(self._deadlines)
            if (waiter := self._waiters.get(request)) is not None:
                late.append(waiter)
        return late

    def next_deadline(self) -> float | None:
        """Return the earliest deadline among those who wait."""
        while self._deadlines and self._deadlines[0][1] not in self._waiters:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def count_swap(self, passed: Iterable[str]) -> None:
        """Tell the heads of these models' queues that a swap went by without them."""
        for model in passed:
            if (head := self.head(model)) is not None:
                head.swaps_seen += 1
