"""The inside of a fake vLLM: what is on the device, who is being answered, sleep with all that can go wrong in it.

No HTTP here. What is copied: memory in two parts that sleep and wake by tag, requests that a sleep aborts, weights that
a level 2 sleep throws away, a request to a sleeping engine that kills it, and a death after which nothing works.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from batuta.testing.local_server import FakeModel, MemoryPool

WEIGHTS, KV_CACHE = "weights", "kv_cache"
TAGS = (WEIGHTS, KV_CACHE)
DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
NO_ROOM = "CUDA Error: out of memory at /workspace/csrc/cumem_allocator.cpp:62"


class EngineDead(Exception):
    """The engine has died, now or before."""


class WakeFailed(Exception):
    """A wake-up failed, and the engine lives."""


@dataclass(eq=False)
class Run:
    """A request that is being answered."""

    ends: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_aborted(self) -> bool:
        """Somebody put the engine to sleep."""
        return self.ends.is_set()


class EngineCore:
    """The engine.

    Args:
        memory: the device.
        model: what it was started with. `details["kv"]`: bytes of the cache; a quarter of the size when not given.
        wake_s: seconds that a part takes to wake.
        frees_memory: it was started with `--enable-sleep-mode`; without, a sleep says that it slept and frees nothing.

    Attributes:
        crashes: why it died, in words; a request while it was asleep is one reason.
        sleeps: level and mode of each sleep.
        wakes: the tags of each call to wake up.
        awakenings: how often it was awake again as a whole.
        wake_error: what the next wake-up fails with; empty: it does not.
        dies_on_wake: that failure is its end.
    """

    def __init__(self, memory: MemoryPool, model: FakeModel, *, wake_s: float = 0.0, frees_memory: bool = True) -> None:
        kv = int(model.details.get("kv", model.size // 4))
        self.sizes = {WEIGHTS: model.size - kv, KV_CACHE: kv}
        self.asleep: set[str] = set()
        self.has_weights = True
        self.is_dead = False
        self.running: set[Run] = set()
        self.crashes: list[str] = []
        self.sleeps: list[tuple[int, str]] = []
        self.wakes: list[tuple[str, ...]] = []
        self.awakenings = 0
        self.wake_error = ""
        self.dies_on_wake = False
        self._memory = memory
        self._model = model
        self._wake_s = wake_s
        self._frees_memory = frees_memory
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    # --- being there ---------------------------------------------------------------------------------------------

    @property
    def is_sleeping(self) -> bool:
        """True until every part is back."""
        return bool(self.asleep)

    def start(self) -> None:
        """Take the memory. Raises MemoryError when it is not there."""
        if not all(self._take(tag) for tag in TAGS):
            self.stop()
            raise MemoryError("No available memory for the cache blocks. Try increasing `gpu_memory_utilization`")

    def stop(self) -> None:
        """Give everything back."""
        for tag in TAGS:
            self._memory.give_back(self._owner(tag))

    def die(self, why: str) -> None:
        """End everything that runs; nothing works any more, and the memory is free."""
        self.is_dead = True
        self.crashes.append(why)
        self.stop()
        for run in tuple(self.running):
            run.ends.set()

    def _owner(self, tag: str) -> str:
        return f"{self._model.name} {tag}"

    def _take(self, tag: str) -> bool:
        return self._memory.take(self._owner(tag), self.sizes[tag])

    # --- answering -----------------------------------------------------------------------------------------------

    @contextmanager
    def run(self) -> Iterator[Run]:
        """Answer one request. Raises EngineDead; a request to a sleeping engine is what kills it."""
        if self.is_sleeping and not self.is_dead:
            self.die("a request while it was asleep: CUDA error: an illegal memory access was encountered")
        if self.is_dead:
            raise EngineDead
        run = Run()
        self.running.add(run)
        self._is_idle.clear()
        try:
            yield run
        finally:
            self.running.discard(run)
            if not self.running:
                self._is_idle.set()

    async def steps(self, run: Run, count: int, token_s: float) -> AsyncGenerator[int, None]:
        """Yield the numbers of an answer's words as they are ready, until it is aborted. Raises EngineDead."""
        for number in range(count):
            await self._goes_on.wait()
            if token_s:
                await _until(run.ends, token_s)
            if self.is_dead:
                raise EngineDead
            if run.is_aborted:
                return
            yield number

    # --- sleeping ------------------------------------------------------------------------------------------------

    async def sleep(self, level: int, mode: str) -> None:
        """Sleep.

        Args:
            level: 0 stops answering and frees nothing, 1 keeps the weights in the host's memory, 2 throws them away.
            mode: what happens to requests that run: `abort` ends them, `wait` waits, `keep` goes on after the wake-up.
        """
        self._check()
        self.sleeps.append((level, mode))
        if mode == "wait":
            await self._is_idle.wait()
        elif mode == "keep" or level == 0:
            self._goes_on.clear()
        if mode == "abort":
            for run in tuple(self.running):
                run.ends.set()
        if level == 0:
            return
        self.asleep.update(TAGS)
        if level == 2:
            self.has_weights = False
        if self._frees_memory:
            self.stop()

    async def wake(self, tags: Collection[str]) -> None:
        """Wake up the parts, all for none named. Raises EngineDead or WakeFailed."""
        self._check()
        wanted = [tag for tag in TAGS if tag in self.asleep and (not tags or tag in tags)]
        self.wakes.append(tuple(tags))
        await asyncio.sleep(self._wake_s * bool(wanted))
        error, self.wake_error = self.wake_error, ""
        for tag in wanted:
            if not error and not self._take(tag):
                error = NO_ROOM
            if error and self.dies_on_wake:
                self.die(error)
                raise EngineDead
            if error:
                raise WakeFailed(error)
            self.asleep.discard(tag)
        if not self.asleep:
            self.awakenings += bool(wanted)
            self._goes_on.set()

    def reload_weights(self) -> None:
        """Read the weights again. Raises EngineDead when there is no room for them on the device."""
        self._check()
        if WEIGHTS in self.asleep:
            self.die("reload_weights while the weights were asleep")
            raise EngineDead
        self.has_weights = True

    def _check(self) -> None:
        if self.is_dead:
            raise EngineDead


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most that long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
