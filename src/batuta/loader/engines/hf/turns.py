"""Lets the conversations of one model take turns, a step each, so that all of them go on. Knows nothing of torch.

`Rota` decides whose turn it is; `TurnTaker` is the thread that does it. A step is a piece of a prompt or one new token.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from batuta.loader.engines.hf.errors import ApiError, Failed, NoMemory, is_device_broken, is_out_of_memory
from batuta.loader.engines.hf.request import Sampling

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class End:
    """An answer is complete. reason: stop (the model ended it) | length (there was no room for more)."""

    reason: str


Heard = int | End | ApiError
"""What a job tells: a token, its end, or what went wrong."""


@dataclass(eq=False)
class Job:
    """An answer that is wanted.

    Attributes:
        tokens: the prompt and what has been said since; it grows.
        most: how many tokens may be said.
        sampling: how they are chosen.
        ends: tokens that end the answer.
        tell: called with each token and the end, from the model's thread; it must not wait.
        state: what the model holds for it between steps; it can be freed and made anew from the tokens.
        picker: what chooses its tokens, with its random numbers; it is kept.
        is_wanted: somebody still listens.
    """

    tokens: list[int]
    most: int
    sampling: Sampling
    ends: frozenset[int]
    tell: Callable[[Heard], None]
    state: Any = None
    picker: Any = None
    is_wanted: bool = True
    prompt: int = 0

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)

    @property
    def said(self) -> int:
        """How many tokens have been said."""
        return len(self.tokens) - self.prompt


class Stepper(Protocol):
    """What computes."""

    def step(self, job: Job) -> int | None:
        """Do one step; return the new token, None while the prompt is being read."""
        ...

    def forget(self, job: Job) -> None:
        """Free what is held for the job; a later step begins it anew from its tokens."""
        ...

    def clean(self) -> None:
        """Give freed memory back to the device."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done: a step for `job`, after what is held for the jobs in `set_aside` was freed."""

    job: Job | None
    set_aside: tuple[Job, ...] = ()


class Rota:
    """Decides whose turn it is. Pure.

    Args:
        slots: jobs that go on at once.
        room: tokens that all of them may hold together, as the memory was planned.
    """

    def __init__(self, *, slots: int, room: int) -> None:
        self._slots = slots
        self._room = room
        self._running: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._arrival: dict[Job, int] = {}
        self._arrivals = 0

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._arrival)

    def add(self, job: Job) -> None:
        """Take a job in, after those that wait."""
        self._arrivals += 1
        self._arrival[job] = self._arrivals
        self._waiting.append(job)

    def drop(self, job: Job) -> None:
        """Let a job go."""
        del self._arrival[job]
        (self._running if job in self._running else self._waiting).remove(job)

    def unwanted(self) -> list[Job]:
        """Return the jobs that nobody waits for any more."""
        return [job for job in self._arrival if not job.is_wanted]

    def next(self) -> Turn:
        """Choose.

        1. When those that run hold more than there is room for, the one that came last is set aside: what is held for
           it is freed, and it goes on from its tokens when there is room. One alone always runs.
        2. Those that wait join in the order they came, while there is a slot and room.
        3. Those that run take turns.
        """
        set_aside = []
        while len(self._running) > 1 and self._held() > self._room:  # 1
            last = max(self._running, key=self._arrival.__getitem__)
            self._running.remove(last)
            self._waiting.appendleft(last)
            set_aside.append(last)
        while self._waiting and self._can_join(self._waiting[0]):  # 2
            self._running.append(self._waiting.popleft())
        if not self._running:
            return Turn(None, tuple(set_aside))
        self._running.rotate(-1)  # 3
        return Turn(self._running[-1], tuple(set_aside))

    def _can_join(self, job: Job) -> bool:
        has_room = not self._running or self._held() + len(job.tokens) + 1 <= self._room
        return len(self._running) < self._slots and has_room

    def _held(self) -> int:
        """Tokens that those who run hold when each has taken one more step."""
        return sum(len(job.tokens) + 1 for job in self._running)


class TurnTaker:
    """The thread in which a model computes: jobs in turns, and between them single errands.

    Args:
        stepper: what computes.
        rota: who decides.
        on_broken: called when nothing can be computed any more; it ends the process, whose loader begins it anew.
    """

    def __init__(self, stepper: Stepper, rota: Rota, *, on_broken: Callable[[], None]) -> None:
        self._stepper = stepper
        self._rota = rota
        self._on_broken = on_broken
        self._changed = threading.Condition()
        self._errands: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="turns", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Callable[[], None]:
        """Begin a job; return what ends it before its next step."""
        with self._changed:
            self._rota.add(job)
            self._changed.notify()

        def cancel() -> None:
            job.is_wanted = False  # seen before the next step

        return cancel

    def do(self, errand: Callable[[], T]) -> Future[T]:
        """Run a function between two steps; return its result to come."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = errand()
            except Exception as error:  # noqa: BLE001  # the request door: the one who asked is told
                future.set_exception(self._explain(error))
            else:
                future.set_result(result)

        with self._changed:
            self._errands.append(run)
            self._changed.notify()
        return future

    def park(self, drop: Callable[[], None]) -> Future[None]:
        """Have the weights dropped between two steps, and what is held for computing with them. No job is under way."""

        def run() -> None:
            drop()
            self._stepper.clean()

        return self.do(run)

    def wake(self, bring: Callable[[], None]) -> Future[None]:
        """Have the weights brought back."""
        return self.do(bring)

    def close(self) -> None:
        """End the thread after its step; jobs under way are told nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # the thread's door: without the thread nobody would be answered
            traceback.print_exception(error, file=sys.stderr)
            self._on_broken()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._errands or self._rota.is_busy)
                if self._is_closed:
                    return
                errand = self._errands.popleft() if self._errands else None
                for job in self._rota.unwanted():
                    self._let_go(job)
                turn = self._rota.next()
            if errand is not None:
                errand()
            for job in turn.set_aside:
                self._stepper.forget(job)
            if turn.job is not None:
                self._step(turn.job)

    def _step(self, job: Job) -> None:
        try:
            token = self._stepper.step(job)
        except Exception as error:  # noqa: BLE001  # the request door: one conversation must not end the others
            self._end(job, self._explain(error))
            return
        if token is None:
            return
        job.tokens.append(token)
        if token in job.ends:
            self._end(job, End("stop"))
            return
        job.tell(token)
        if job.said >= job.most:
            self._end(job, End("length"))

    def _end(self, job: Job, how: End | ApiError) -> None:
        with self._changed:
            self._let_go(job)
        job.tell(how)

    def _let_go(self, job: Job) -> None:
        self._rota.drop(job)
        self._stepper.forget(job)

    def _explain(self, error: Exception) -> ApiError:
        if isinstance(error, ApiError):
            return error
        if is_device_broken(error):
            raise error
        is_memory = is_out_of_memory(error)
        traceback.print_exception(error, limit=-3, file=sys.stderr)
        error.__traceback__ = None  # its frames hold the tensors that did not fit
        self._stepper.clean()
        return NoMemory() if is_memory else Failed(f"the model's computation failed ({type(error).__name__})")
