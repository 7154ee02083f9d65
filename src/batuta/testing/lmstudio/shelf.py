"""What a fake LM Studio has on its disk and in its memory: loads, JIT, TTL, eviction, duplicates. Knows no wire."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from batuta.tasks import Tasks
from batuta.testing.local_server import FakeModel, MemoryPool

STEPS = 4  # reports of progress a load
JIT_TTL_S = 3600.0  # LM Studio's default for models that a request has loaded
DEFAULT_CONTEXT = 4096
NO_ROOM = (
    "Model loading was stopped due to insufficient system resources. Under the current settings, this model requires "
    "approximately {need:.2f} GB of memory, and continuing to load it would likely overload your system and cause it "
    "to freeze. If you think this is incorrect, you can adjust the model loading guardrails in settings."
)

OnProgress = Callable[[float], None]


class LoadError(Exception):
    """A load did not work; the text is the engine's own."""


@dataclass(slots=True, eq=False)
class Instance:
    """A model in memory, or on its way there.

    Attributes:
        id: what it is asked by; the model's name, with `:2` and so on for the next ones.
        reference: what the SDK calls it.
        is_jit: a request for the model, not a person or a program, caused the load.
        ttl_s: idle seconds after which it goes; None: it stays.
        gone: set when it leaves memory.
        why: why it left, in the engine's words; empty: it was unloaded.
        running: answers it is giving.
        listeners: told of the load's progress.
    """

    id: str
    model: FakeModel
    reference: str
    context: int
    is_jit: bool = False
    ttl_s: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    is_loading: bool = True
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    running: int = 0
    task: asyncio.Task[None] | None = None
    listeners: list[OnProgress] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Shelf:
    """The models.

    Args:
        models: what is installed.
        memory: the device they go into.
        is_evicting: a JIT load takes the previous JIT model out, whatever it is doing.

    Attributes:
        broken: model name -> why its loads fail, in the engine's words.
        evicted: names of the models that JIT loads have taken out, in order.
    """

    def __init__(self, models: Sequence[FakeModel], memory: MemoryPool, *, is_evicting: bool = True) -> None:
        self.models = {model.name: model for model in models}
        self.memory = memory
        self.is_evicting = is_evicting
        self.instances: dict[str, Instance] = {}
        self.broken: dict[str, str] = {}
        self.evicted: list[str] = []
        self._tasks = Tasks(lambda _name, _error: None)
        self._numbers = itertools.count(1)

    # Looking ------------------------------------------------------------------------------------------------------

    def of(self, name: str) -> list[Instance]:
        """Return the instances of a model, loading ones too."""
        return [instance for instance in self.instances.values() if instance.model.name == name]

    def ready(self) -> list[Instance]:
        """Return the instances that can answer, in the order they were loaded."""
        return [instance for instance in self.instances.values() if not instance.is_loading]

    def find(self, name: str) -> Instance | None:
        """Return the instance of that id, or the first of the model of that name; only ready ones."""
        ready = self.ready()
        exact = next((instance for instance in ready if name in {instance.id, instance.reference}), None)
        return exact or next((instance for instance in ready if instance.model.name == name), None)

    # In -----------------------------------------------------------------------------------------------------------

    def begin(
        self,
        model: FakeModel,
        *,
        identifier: str | None = None,
        context: int | None = None,
        ttl_s: float | None = None,
        is_jit: bool = False,
        config: dict[str, Any] | None = None,
    ) -> Instance:
        """Start to load another instance. The load is the engine's own: who asked for it may leave.

        Raises:
            LoadError: there is no room.
        """
        instance = Instance(
            id=self._free_id(identifier or model.name),
            model=model,
            reference=f"ref-{next(self._numbers)}",
            context=min(context or DEFAULT_CONTEXT, model.context),
            is_jit=is_jit,
            ttl_s=ttl_s,
            config=config or {},
        )
        if not self.memory.take(instance.reference, model.size):
            raise LoadError(NO_ROOM.format(need=model.size / 1e9))
        self.instances[instance.id] = instance
        instance.task = self._tasks.start(self._load(instance), name=f"fake load of {instance.id}")
        return instance

    async def load(self, model: FakeModel, **how: Any) -> Instance:
        """Load another instance and wait for it. Takes what `begin` takes, and raises LoadError."""
        instance = self.begin(model, **how)
        await self.finish(instance)
        return instance

    @staticmethod
    async def finish(instance: Instance) -> None:
        """Wait until a load is over. Raises LoadError."""
        assert instance.task is not None
        try:
            await asyncio.shield(instance.task)
        except asyncio.CancelledError:
            if instance.task.cancelled():
                raise LoadError("Operation canceled.") from None
            raise

    async def follow(self, instance: Instance) -> AsyncIterator[float]:
        """Yield how far a load is until it is over. Raises LoadError."""
        told: asyncio.Queue[float | None] = asyncio.Queue()
        assert instance.task is not None
        instance.listeners.append(told.put_nowait)
        instance.task.add_done_callback(lambda _task: told.put_nowait(None))
        while (fraction := await told.get()) is not None:
            yield fraction
        await self.finish(instance)

    def begin_jit(self, model: FakeModel, *, ttl_s: float | None = None) -> Instance:
        """Start a load because a request wants it: the previous JIT model goes first, whatever it is saying."""
        if self.is_evicting:
            for other in [i for i in self.instances.values() if i.is_jit and i.model is not model]:
                self.evicted.append(other.model.name)
                self.drop(other, "Model unloaded.")
        return self.begin(model, ttl_s=JIT_TTL_S if ttl_s is None else ttl_s, is_jit=True)

    async def jit(self, model: FakeModel, *, ttl_s: float | None = None) -> Instance:
        """Load because a request wants it, and wait. Raises LoadError."""
        instance = self.begin_jit(model, ttl_s=ttl_s)
        await self.finish(instance)
        return instance

    async def _load(self, instance: Instance) -> None:
        try:
            for step in range(STEPS):
                self._tell(instance, step / STEPS)
                await asyncio.sleep(instance.model.load_s / STEPS)
            if why := self.broken.get(instance.model.name):
                raise LoadError(why)  # noqa: TRY301  # one way out for every load that does not end well
        except (LoadError, asyncio.CancelledError):
            self.drop(instance)
            raise
        instance.is_loading = False
        self._tell(instance, 1.0)
        self.touch(instance)

    @staticmethod
    def _tell(instance: Instance, fraction: float) -> None:
        for listener in instance.listeners:
            listener(fraction)

    def _free_id(self, name: str) -> str:
        names = itertools.chain([name], (f"{name}:{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self.instances)

    # Out ----------------------------------------------------------------------------------------------------------

    def drop(self, instance: Instance, why: str = "") -> None:
        """Take an instance out of memory at once; its bytes come back when the device gives them back."""
        if self.instances.get(instance.id) is not instance:
            return
        del self.instances[instance.id]
        self.memory.give_back(instance.reference)
        instance.why = why
        instance.gone.set()
        if instance.timer is not None:
            instance.timer.cancel()
        if instance.is_loading and instance.task is not None and instance.task is not asyncio.current_task():
            instance.task.cancel()

    def touch(self, instance: Instance) -> None:
        """Start the instance's idle time anew."""
        if instance.timer is not None:
            instance.timer.cancel()
        if instance.ttl_s is not None and not instance.gone.is_set():
            instance.timer = asyncio.get_running_loop().call_later(instance.ttl_s, self._idle, instance)

    def _idle(self, instance: Instance) -> None:
        if instance.running:
            self.touch(instance)
        else:
            self.drop(instance)

    async def aclose(self) -> None:
        """End loads and timers; everything leaves memory."""
        for instance in list(self.instances.values()):
            self.drop(instance)
        await self._tasks.aclose()
        self._tasks = Tasks(lambda _name, _error: None)  # it may be started again
