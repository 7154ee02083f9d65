"""The processes of a fake llama-server's models: loads with progress, limits, sleep, ends. Knows no wire."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from batuta.tasks import Tasks
from batuta.testing.local_server import FakeModel, MemoryPool

STEPS = 4  # reports of progress a stage
RUNNING = frozenset({"loading", "loaded", "sleeping"})
OUT_OF_MEMORY = 1  # llama.cpp ends a load that finds no memory as any other that fails
KILLED = 1  # how the router's library tells of a process that a signal ended
LIMIT = "model limit reached, try again later"

Broadcast = Callable[[str, str, Any], None]


@dataclass(frozen=True, slots=True)
class Habits:
    """What a build does its own way.

    Attributes:
        has_events: there is `/models/sse`.
        spawn_event: what the event of a start is called.
        change_event: what the others about a model's state are called.
        has_stages: progress tells all stages, not only the one under way.
        nests_downloads: progress of a download lies one level deeper.
        spares_busy: a model that is answering is waited for before it is thrown out.
        echoes_name: an answer calls itself what it was asked by.
        lists_while_loading: a server of one model lists it while everything else is 503.
        can_sleep: a model may fall asleep.
        tells_build: `/props` has `build_info`.
    """

    has_events: bool = True
    spawn_event: str = "model_status"
    change_event: str = "model_status"
    has_stages: bool = True
    nests_downloads: bool = False
    spares_busy: bool = True
    echoes_name: bool = False
    lists_while_loading: bool = True
    can_sleep: bool = True
    tells_build: bool = True


BUILDS: dict[int, Habits] = {
    3500: Habits(
        has_events=False,
        spares_busy=False,
        echoes_name=True,
        lists_while_loading=False,
        can_sleep=False,
        tells_build=False,
    ),
    7400: Habits(has_events=False, spares_busy=False, echoes_name=True, can_sleep=False),
    9500: Habits(change_event="status_change", has_stages=False, nests_downloads=True, spares_busy=False),
    9700: Habits(change_event="status_change", nests_downloads=True, spares_busy=False),
    11500: Habits(),
}
"""Build -> its habits: before the router, the first router, its first events, their stages, the queue."""


def habits_of(build: int) -> Habits:
    """Return the habits of the newest build that is not newer."""
    return BUILDS[max((known for known in BUILDS if known <= build), default=min(BUILDS))]


class ChildError(Exception):
    """A start did not work; the text is the server's own."""


class Ended(Exception):
    """The process ended while it was answering."""


@dataclass(slots=True, eq=False)
class Child:
    """A model, with or without a process.

    Attributes:
        status: as the router lists it.
        exit_code: how the last process ended.
        port: where the process would listen.
        gone: set when the process ends.
        running: answers it is giving.
        last_used: a count; the higher, the later.
        is_dead: it is gone, and the router has not noticed yet.
        task: its load.
        slots: how many answers at once; others wait.
        idle: set when it has given its last answer.
        settled: set when a load is over, well or not.
    """

    model: FakeModel
    source: str = "models_dir"
    status: str = "unloaded"
    exit_code: int = 0
    port: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    last_used: int = 0
    is_dead: bool = False
    task: asyncio.Task[None] | None = None
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_running(self) -> bool:
        """It has a process."""
        return self.status in RUNNING

    @property
    def name(self) -> str:
        """What it is called."""
        return self.model.name


class Children:
    """All models of a server.

    Args:
        models: what there is.
        memory: the device they go into.
        habits: of the build.
        most: how many may have a process; 0: any number.
        broadcast: told (model, event, data) of what happens.
        stop_s: seconds a process takes to end.

    Attributes:
        broken: model name -> the exit code its loads end with.
        evicted: names of what was thrown out to keep to the limit, in order.
        loads: how many processes have been started.
    """

    def __init__(
        self,
        models: Sequence[FakeModel],
        memory: MemoryPool,
        habits: Habits,
        *,
        most: int = 0,
        broadcast: Broadcast,
        stop_s: float = 0.0,
    ) -> None:
        self.all = {model.name: Child(model) for model in models}
        self.memory = memory
        self.habits = habits
        self.most = most
        self.stop_s = stop_s
        self.broken: dict[str, int] = {}
        self.evicted: list[str] = []
        self.loads = 0
        self._broadcast = broadcast
        self._tasks = Tasks(lambda _name, _error: None)
        self._ports = itertools.count(40000)
        self._uses = itertools.count(1)

    def find(self, name: str) -> Child | None:
        """Return the model of that name or alias."""
        aliases = (child for child in self.all.values() if name in child.model.details.get("aliases", ()))
        return self.all.get(name) or next(aliases, None)

    def touch(self, child: Child) -> None:
        """Note that it is used now."""
        child.last_used = next(self._uses)

    # In -----------------------------------------------------------------------------------------------------------

    async def start(self, child: Child) -> None:
        """Start a process; return when it runs, long before it can answer. Raises ChildError when there are too many.

        1. Too many: the one used longest ago goes first; newer builds wait until it has answered.
        2. Still too many, because somebody else was quicker: no.
        """
        if self.is_full:  # 1
            victim = min((c for c in self.all.values() if c.is_running), key=lambda c: c.last_used)
            if self.habits.spares_busy and victim.running:
                victim.idle.clear()
                await victim.idle.wait()
            self.evicted.append(victim.name)
            self.stop(victim)
            await victim.gone.wait()
        if self.is_full:  # 2
            raise ChildError(LIMIT)
        if child.is_running:
            return
        self.loads += 1
        child.status, child.exit_code, child.is_dead = "loading", 0, False
        child.gone, child.port = asyncio.Event(), next(self._ports)
        child.running = 0
        child.settled.clear()
        self.touch(child)
        self._broadcast(child.name, self.habits.spawn_event, {"status": "loading"})
        child.task = self._tasks.start(self._load(child), name=f"fake load of {child.name}")

    @property
    def is_full(self) -> bool:
        """There are as many as may be."""
        return 0 < self.most <= sum(child.is_running for child in self.all.values())

    async def _load(self, child: Child) -> None:
        if not self.memory.take(child.name, child.model.size):
            self.end(child, OUT_OF_MEMORY)
            return
        stages = list(child.model.details.get("stages", ("text_model",)))
        for stage in stages:
            for step in range(STEPS):
                self._tell(child, progress=self._progress(stages, stage, step / STEPS))
                await asyncio.sleep(child.model.load_s / STEPS / len(stages))
        self._tell(child, progress=self._progress(stages, stages[-1], 1.0))
        if code := self.broken.get(child.name):
            self.end(child, code)
            return
        child.status = "loaded"
        child.settled.set()
        self._tell(child, info={"meta": {"n_ctx": child.model.context}})

    def _progress(self, stages: Sequence[str], current: str, value: float) -> dict[str, Any]:
        if self.habits.has_stages:
            return {"stages": list(stages), "current": current, "value": value}
        return {"stage": current, "value": value}

    # Out ----------------------------------------------------------------------------------------------------------

    def stop(self, child: Child) -> None:
        """Tell a process to end. One that is loading is killed; one that answers is not waited for."""
        if child.status == "loading":
            self.end(child, KILLED)
        elif child.is_running:
            self._tasks.start(self._stop(child, child.gone), name=f"fake stop of {child.name}")

    async def _stop(self, child: Child, gone: asyncio.Event) -> None:
        await asyncio.sleep(self.stop_s)
        if not gone.is_set():
            self.end(child, 0)

    def end(self, child: Child, code: int) -> None:
        """End a process, whatever it is doing; its bytes come back when the device gives them back."""
        if child.task is not None and child.task is not asyncio.current_task():
            child.task.cancel()
        child.task = None
        child.status, child.exit_code, child.is_dead = "unloaded", code, False
        child.gone.set()
        child.settled.set()
        self.memory.give_back(child.name)
        self._tell(child, exit_code=code)

    def die_unnoticed(self, child: Child) -> None:
        """End a process so that the router still lists it."""
        child.is_dead = True
        child.gone.set()
        self.memory.give_back(child.name)

    # Sleep --------------------------------------------------------------------------------------------------------

    def sleep(self, child: Child) -> None:
        """Let a model's memory go while its process stays."""
        child.status = "sleeping"
        self.memory.give_back(child.name)
        self._tell(child)

    async def wake(self, child: Child) -> None:
        """Load a sleeping model again."""
        if child.status == "sleeping":
            self.memory.take(child.name, child.model.size)
            child.status = "loading"
            child.settled.clear()
            self._tell(child)
            await asyncio.sleep(child.model.load_s)
            child.status = "loaded"
            child.settled.set()
            self._tell(child)

    # Answering ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def using(self, child: Child) -> Iterator[None]:
        """Keep count of what it is doing."""
        self.touch(child)
        child.running += 1
        gone = child.gone
        try:
            yield
        finally:
            if child.gone is gone:
                child.running -= 1
            if not child.running:
                child.idle.set()

    def _tell(self, child: Child, **more: Any) -> None:
        self._broadcast(child.name, self.habits.change_event, {"status": child.status, **more})

    async def aclose(self) -> None:
        """End everything."""
        for child in self.all.values():
            if child.is_running:
                self.end(child, 0)
        await self._tasks.aclose()
        self._tasks = Tasks(lambda _name, _error: None)  # it may be started again
