"""How Ollama keeps models in memory: one load after the other, for whoever asked first. A part of the fake.

What is copied: the single loop with head-of-line blocking, loads that end with the connection that asked for them,
reloads when a load-time option differs, keep_alive, eviction of what is least needed, models partly on the CPU, and the
wait until freed memory is really back. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batuta.tasks import Tasks
from batuta.testing.local_server import FakeModel, MemoryPool

RECOVERY_S = 5.0  # Ollama waits no longer for memory to come back
STEP_S = 0.002
RUNNER_FIELDS = ("num_gpu", "num_thread", "num_batch", "main_gpu", "use_mmap")
FULL = "server busy, please try again.  maximum pending requests exceeded"


class OllamaError(Exception):
    """An answer that is an error: status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants of a model in memory.

    Attributes:
        context: num_ctx, as named or by default.
        is_auto: nobody named it: such a wish is content with any context that nobody named.
        runner: other options of a load, as named.
        keep_s: seconds to stay after the request; None: as before.
    """

    context: int
    is_auto: bool
    runner: Mapping[str, Any] = field(default_factory=dict)
    keep_s: float | None = None


@dataclass(slots=True)
class Runner:
    """A model in memory."""

    model: FakeModel
    wish: Wish
    size: int
    size_vram: int
    keep_s: float
    slots: asyncio.Semaphore
    owner: str = ""
    busy: int = 0
    expires_at: float = math.inf
    timer: asyncio.TimerHandle | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def needs_reload(self, wish: Wish) -> bool:
        """Whether a request wants it otherwise than it was loaded."""
        context = min(wish.context, self.model.context)
        is_other = context != self.wish.context and not (wish.is_auto and self.wish.is_auto)
        return is_other or dict(wish.runner) != dict(self.wish.runner)


@dataclass(slots=True)
class _Pending:
    model: FakeModel
    wish: Wish
    ready: asyncio.Future[Runner]


class Scheduler:
    """Who is in memory.

    Args:
        memory: of the GPU.
        parallel: requests a model answers at once; each has a cache of its own (OLLAMA_NUM_PARALLEL).
        max_queue: requests that may wait for a load (OLLAMA_MAX_QUEUE).
        max_loaded: models at once (OLLAMA_MAX_LOADED_MODELS).
        keep_s: default stay after the last request, in seconds (OLLAMA_KEEP_ALIVE).
        host_memory: bytes for what does not fit on the GPU.
    """

    def __init__(
        self,
        memory: MemoryPool,
        *,
        parallel: int = 1,
        max_queue: int = 512,
        max_loaded: int = 3,
        keep_s: float = 300.0,
        host_memory: int = 0,
    ) -> None:
        self.memory = memory
        self.parallel = parallel
        self.max_queue = max_queue
        self.max_loaded = max_loaded
        self.keep_s = keep_s
        self.host_memory = host_memory
        self.loaded: dict[str, Runner] = {}
        self.loads: list[str] = []  # every load that was begun, in order
        self.aborted: list[str] = []  # those that ended because whoever asked had left
        self._pending: deque[_Pending] = deque()
        self._news = asyncio.Event()
        self._numbers = itertools.count()
        self._tasks = Tasks(_report)

    def start(self) -> None:
        """Start the loop."""
        self._tasks.start(self._run(), name="fake Ollama's scheduler")

    async def aclose(self) -> None:
        """Stop; everything leaves memory at once."""
        await self._tasks.aclose()
        for runner in list(self.loaded.values()):
            self._drop(runner)

    async def acquire(self, key: str, model: FakeModel, wish: Wish) -> Runner:
        """Return the model's runner, loaded if need be, counted as busy. Cancelling gives the wish up.

        Args:
            key: names of the same weights have the same.
            model: what to load.
            wish: how.

        Raises:
            OllamaError: the queue is full, or the load failed.
        """
        runner = self.loaded.get(key)
        if runner is not None and not runner.needs_reload(wish):
            return self._use(runner, wish)
        if len(self._pending) >= self.max_queue:
            raise OllamaError(503, FULL)
        pending = _Pending(model, wish, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._news.set()
        try:
            return await pending.ready
        except asyncio.CancelledError:
            if pending.ready.done() and not pending.ready.cancelled() and pending.ready.exception() is None:
                self.release(pending.ready.result())
            raise

    def release(self, runner: Runner) -> None:
        """Say that a request is over."""
        runner.busy -= 1
        if runner.busy > 0 or runner.gone.is_set():
            return
        if runner.keep_s <= 0:
            self._tasks.start(self._unload(runner), name="unload")
        elif not math.isinf(runner.keep_s):
            loop = asyncio.get_running_loop()
            runner.expires_at = loop.time() + runner.keep_s
            runner.timer = loop.call_later(runner.keep_s, self._send_away, runner)

    def expire(self, key: str) -> None:
        """Have a model leave as soon as nobody uses it; nothing happens to one that is not there."""
        runner = self.loaded.get(key)
        if runner is not None:
            runner.expires_at = asyncio.get_running_loop().time()
            self._send_away(runner)

    def crash(self, key: str) -> None:
        """Have a model's process die."""
        if (runner := self.loaded.get(key)) is not None:
            self._drop(runner)

    # --- the loop ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pending:
                pending = self._pending[0]
                if not pending.ready.done():
                    await self._serve(pending)
                self._pending.remove(pending)

    async def _serve(self, pending: _Pending) -> None:
        """Get one request its model; all others wait behind it."""
        key = key_of(pending.model)
        while not pending.ready.done():
            runner = self.loaded.get(key)
            if runner is not None and not runner.needs_reload(pending.wish):
                pending.ready.set_result(self._use(runner, pending.wish))
                return
            victim = runner or self._victim(pending)
            if victim is not None:
                self._send_away(victim)
                await victim.gone.wait()
                continue
            await self._load(pending, key)
            return

    def _victim(self, pending: _Pending) -> Runner | None:
        """Return who makes room: the idle with the shortest stay first; None when there is room, or nobody left."""
        is_full = len(self.loaded) >= self.max_loaded
        is_short = self._need(pending.model, self._context(pending)) > self.memory.free
        if not self.loaded or not (is_full or is_short):
            return None
        return min(self.loaded.values(), key=lambda runner: (runner.busy > 0, runner.keep_s))

    async def _load(self, pending: _Pending, key: str) -> None:
        model, context = pending.model, self._context(pending)
        size = self._need(model, context)
        size_vram = min(size, self.memory.free)
        self.loads.append(model.name)
        if size - size_vram > self.host_memory:
            needs, has = f"{size / (1 << 30):.1f} GiB", f"{(size_vram + self.host_memory) / (1 << 30):.1f} GiB"
            text = f"model requires more system memory ({needs}) than is available ({has})"
            pending.ready.set_exception(OllamaError(500, text))
            return
        owner = f"{key} {next(self._numbers)}"
        self.memory.take(owner, size_vram)
        await asyncio.wait([pending.ready], timeout=model.load_s)  # the request may leave meanwhile
        if pending.ready.done() or (problem := model.details.get("load_error")):
            self.memory.give_back(owner)
            if pending.ready.done():
                self.aborted.append(model.name)
            else:
                pending.ready.set_exception(OllamaError(500, str(problem)))
            return
        wish = Wish(context, pending.wish.is_auto, pending.wish.runner)
        slots = asyncio.Semaphore(1 if model.is_embedding else self.parallel)
        runner = Runner(model, wish, size, size_vram, self.keep_s, slots, owner)
        self.loaded[key] = runner
        pending.ready.set_result(self._use(runner, pending.wish))

    def _context(self, pending: _Pending) -> int:
        return min(pending.wish.context, pending.model.context)

    def _need(self, model: FakeModel, context: int) -> int:
        parallel = 1 if model.is_embedding else self.parallel
        return model.size + int(model.details.get("kv_per_token", 0)) * context * parallel

    # --- leaving -------------------------------------------------------------------------------------------------

    def _use(self, runner: Runner, wish: Wish) -> Runner:
        runner.busy += 1
        if runner.timer is not None:
            runner.timer.cancel()
            runner.timer = None
        if wish.keep_s is not None:
            runner.keep_s = wish.keep_s
            runner.expires_at = math.inf
        return runner

    def _send_away(self, runner: Runner) -> None:
        runner.keep_s = 0
        if runner.timer is not None:
            runner.timer.cancel()
            runner.timer = None
        if runner.busy <= 0:
            self._tasks.start(self._unload(runner), name="unload")

    async def _unload(self, runner: Runner) -> None:
        """Leave, and see the memory come back before anybody is told."""
        if self.loaded.get(key_of(runner.model)) is not runner or runner.busy > 0:
            return
        before = self.memory.free
        del self.loaded[key_of(runner.model)]
        self.memory.give_back(runner.owner)
        end = asyncio.get_running_loop().time() + RECOVERY_S

        def is_back() -> bool:
            return self.memory.free - before >= 0.75 * runner.size_vram or asyncio.get_running_loop().time() >= end

        while not is_back():  # noqa: ASYNC110  # the pool, as a real device, tells nobody
            await asyncio.sleep(STEP_S)
        runner.gone.set()

    def _drop(self, runner: Runner) -> None:
        if self.loaded.get(key_of(runner.model)) is runner:
            del self.loaded[key_of(runner.model)]
            self.memory.give_back(runner.owner)
        if runner.timer is not None:
            runner.timer.cancel()
        runner.gone.set()


def key_of(model: FakeModel) -> str:
    """Return what stands for a model's weights: a model made from another has the same."""
    return str(model.details.get("weights", model.name))


def wish_of(options: Mapping[str, Any], *, chosen: int, default: int, keep_s: float | None) -> Wish:
    """Return the wish that a request's options are.

    Args:
        options: of the request.
        chosen: num_ctx in the model's own parameters; 0: none.
        default: the server's.
        keep_s: as asked.
    """
    context = int(options.get("num_ctx") or chosen or default)
    runner = {name: options[name] for name in RUNNER_FIELDS if options.get(name) is not None}
    return Wish(max(4, context), not (options.get("num_ctx") or chosen), runner, keep_s)


def seconds_of(value: Any) -> float | None:
    """Read keep_alive: a number of seconds, or Go's form of a duration; below zero is for ever. Raises OllamaError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise OllamaError(400, f"Unsupported type: '{type(value).__name__}'")
    seconds = _duration(value) if isinstance(value, str) else float(value)
    return math.inf if seconds < 0 else seconds


UNITS: Sequence[tuple[str, float]] = (("ms", 0.001), ("us", 1e-6), ("ns", 1e-9), ("h", 3600), ("m", 60), ("s", 1))


def _duration(text: str) -> float:
    """Read `1h30m`. A bare number but zero has no unit, and is none."""
    if text == "0":
        return 0.0
    total, rest, sign = 0.0, text.lstrip("+-"), -1 if text.startswith("-") else 1
    while rest:
        digits = "".join(itertools.takewhile(lambda char: char.isdigit() or char == ".", rest))
        rest = rest[len(digits) :]
        unit = next((unit for unit in UNITS if rest.startswith(unit[0])), None)
        if unit is None:
            raise OllamaError(400, f'time: missing unit in duration "{text}"')
        try:
            total += float(digits) * unit[1]
        except ValueError:
            raise OllamaError(400, f'time: invalid duration "{text}"') from None
        rest = rest[len(unit[0]) :]
    return sign * total


def _report(name: str, error: BaseException) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": f"{name} died", "exception": error})
