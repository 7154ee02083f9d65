"""How others decide, behind the Lifecycle's own door: what ours is compared with. They know nothing of prices.

Only the rules that matter for swaps are here, as their sources had them in August 2026: Ollama's pending loop
(server/sched.go) and llama-swap's scheduler (internal/router/scheduler/fifo.go) with its two planners. The device's own
rules bind them as they bind ours: one load at a time, four answers at once, leaving takes no time.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import Command, Grant, StartLoad, StartUnload


class Peer(ABC):
    """What all of them share: who is resident, who answers how many, and one load at a time.

    A request that is handed to a model stands in line at that model, as long as all of its slots are taken.

    Args:
        budget: bytes of the device.
    """

    alarm: float | None = None  # none of them does anything by time alone

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.sizes: dict[str, int] = {}
        self.resident: dict[str, float] = {}  # model -> its last use
        self.loading: str | None = None
        self._slots: dict[str, int] = {}
        self._lines: dict[str, deque[str]] = {}
        self._answering: dict[str, int] = {}
        self._models: dict[str, str] = {}  # request under way or in line -> model
        self._out: list[Command] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            ev.Registered: self._on_registered,
            ev.Wanted: self._on_wanted,
            ev.Released: self._on_released,
            ev.Loaded: self._on_loaded,
        }

    def handle(self, event: ev.Event, now: float) -> Sequence[Command]:
        """Take in one event; return what is to be done."""
        if (handler := self._handlers.get(type(event))) is not None:
            handler(event, now)
        commands, self._out = self._out, []
        return commands

    # What each of them decides ------------------------------------------------------------------------------

    @abstractmethod
    def enqueue(self, request: str, model: str) -> None:
        """Take in a request that came."""

    @abstractmethod
    def pump(self, now: float) -> None:
        """Do what can be done now."""

    # What none of them decides ------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """Bytes that nobody has taken."""
        taken = sum(self.sizes[model] for model in self.resident)
        return self.budget - taken - (self.sizes[self.loading] if self.loading else 0)

    def is_busy(self, model: str) -> bool:
        """Say whether the model answers somebody, or somebody stands in line at it."""
        return bool(self._answering.get(model) or self._lines.get(model))

    def hand_over(self, request: str, model: str, now: float) -> None:
        """Put a request in line at a resident model."""
        self._models[request] = model
        self._lines.setdefault(model, deque()).append(request)
        self._serve(model, now)

    def load(self, model: str, victims: Sequence[str] = ()) -> None:
        """Have the victims leave and the model loaded."""
        for victim in victims:
            self.unload(victim)
        assert self.loading is None, f"{model} is loaded while {self.loading} still is"
        assert self.free >= self.sizes[model], f"{model} does not fit"
        self.loading = model
        self._out.append(StartLoad(model, tuple(victims)))

    def unload(self, victim: str) -> None:
        """Have an idle model leave."""
        assert not self.is_busy(victim), f"{victim} is thrown out while it answers"
        del self.resident[victim]
        self._out.append(StartUnload(victim))

    def _serve(self, model: str, now: float) -> None:
        line = self._lines[model]
        while line and self._answering.get(model, 0) < self._slots[model]:
            self._answering[model] = self._answering.get(model, 0) + 1
            self.resident[model] = now
            self._out.append(Grant(line.popleft(), model))

    def _on_registered(self, event: ev.Registered, now: float) -> None:  # noqa: ARG002  # handlers share one shape
        self.sizes[event.spec.id] = event.spec.need_bytes
        self._slots[event.spec.id] = event.spec.slots

    def _on_wanted(self, event: ev.Wanted, now: float) -> None:
        self.enqueue(event.request, event.model)
        self.pump(now)

    def _on_released(self, event: ev.Released, now: float) -> None:
        model = self._models.pop(event.request)
        self._answering[model] -= 1
        self.resident[model] = now
        self._serve(model, now)
        self.pump(now)

    def _on_loaded(self, event: ev.Loaded, now: float) -> None:
        self.resident[event.model] = now
        self.loading = None
        self.pump(now)


class OneLoop(Peer):
    """Ollama's rule: one loop takes the requests in order, and the one that needs a load holds up all behind it.

    Victims go one by one: an idle one, otherwise the first in the order, which is waited for and takes nobody new.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._queue: deque[tuple[str, str]] = deque()

    def order(self, model: str) -> tuple[float, str]:
        """Return the order in which residents leave: the shortest keep-alive (all have the same), then the path."""
        return (0.0, model)

    def enqueue(self, request: str, model: str) -> None:
        self._queue.append((request, model))

    def pump(self, now: float) -> None:
        while self._queue:
            request, model = self._queue[0]
            if model in self.resident:
                self._queue.popleft()
                self.hand_over(request, model, now)
            elif self.loading is not None or not self._make_room(self.sizes[model]):
                return
            else:
                self.load(model)

    def _make_room(self, need: int) -> bool:
        """Have idle models leave; say whether there is room now. While the loop stands, a busy one gets nobody new."""
        while self.free < need:
            idle = [model for model in self.resident if not self.is_busy(model)]
            if not idle:
                return False
            self.unload(min(idle, key=self.order))
        return True


class OneLoopLeastRecentlyUsed(OneLoop):
    """The same loop, and the model leaves whose last use is longest ago."""

    def order(self, model: str) -> tuple[float, str]:
        """Return the order in which residents leave."""
        return (self.resident[model], model)


class Batches(Peer):
    """llama-swap's rule: who wants a running model is served at once, whoever else waits.

    A swap begins when nobody is answered by those who have to leave, and nothing else is loading.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._queue: list[tuple[str, str]] = []

    @abstractmethod
    def victims(self, model: str) -> tuple[str, ...]:
        """Return which of the running models have to leave for this one."""

    def enqueue(self, request: str, model: str) -> None:
        self._queue.append((request, model))

    def pump(self, now: float) -> None:
        left = []
        for request, model in self._queue:
            if model in self.resident:
                self.hand_over(request, model, now)
                continue
            left.append((request, model))
            if self.loading is None:
                victims = self.victims(model)
                if not any(map(self.is_busy, victims)):
                    self.load(model, victims)
        self._queue = left


class OneModel(Batches):
    """llama-swap as it comes: one model at a time."""

    def victims(self, model: str) -> tuple[str, ...]:  # noqa: ARG002  # whoever comes, all others leave
        return tuple(self.resident)


class FullMatrix(Batches):
    """llama-swap with every set of models that fits written down, each model's leaving costing the same.

    Of the sets that hold the wanted model the one is taken for which the fewest running models leave; among equals the
    first, in the order in which the models are defined.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._sets: list[frozenset[str]] = []

    def victims(self, model: str) -> tuple[str, ...]:
        if not self._sets:
            self._sets = feasible_sets(self.sizes, self.budget)
        running = self.resident.keys()
        chosen = min((each for each in self._sets if model in each), key=lambda each: len(running - each))
        return tuple(sorted(running - chosen))


def feasible_sets(sizes: dict[str, int], budget: int) -> list[frozenset[str]]:
    """Return every set of models that fits and to which nothing could be added."""
    models = list(sizes)
    found: list[frozenset[str]] = []
    for size in range(len(models), 0, -1):
        for each in map(frozenset, itertools.combinations(models, size)):
            if sum(sizes[model] for model in each) <= budget and not any(each < larger for larger in found):
                found.append(each)
    return found
