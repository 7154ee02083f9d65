"""Continuous batching: all conversations advance in one computation, by transformers' own manager.

What the manager cannot do for one request of many (a seed, penalties, a bias) takes turns beside it, while the manager
pauses for the time of each step. Its pool of keys and values has the size of the model's context, shared by all slots;
left to itself it would take most of the device. CUDA graphs, double buffering and kernels from a hub stay off: they
take memory that no budget knows of, or the network.
"""

from __future__ import annotations

import queue
import secrets
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final, TypeVar

from transformers import ContinuousBatchingConfig, GenerationConfig

from batuta.loader.engines.hf.errors import ApiError, Failed, NoMemory, is_device_broken, is_out_of_memory
from batuta.loader.engines.hf.load import Loaded
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.steps import Steps
from batuta.loader.engines.hf.turns import End, Job, Rota, TurnTaker

T = TypeVar("T")

PAGE: Final = 64  # tokens
MOST_AT_ONCE: Final = 2048  # tokens of one computation
STOP_S: Final = 5.0


def is_batchable(sampling: Sampling) -> bool:
    """Whether the manager can sample so for one request of many."""
    return (
        sampling.seed is None
        and not sampling.bias
        and not sampling.min_p
        and not sampling.presence_penalty
        and not sampling.frequency_penalty
        and sampling.repetition_penalty == 1
    )


class Batcher:
    """Computes for all jobs at once. Its `submit` is called in the event loop whose jobs it tells.

    Args:
        loaded: the model.
        slots: conversations at once.
        on_broken: called when nothing can be computed any more; it ends the process.
    """

    def __init__(self, loaded: Loaded, *, slots: int, on_broken: Callable[[], None]) -> None:
        self._loaded = loaded
        self._slots = slots
        self._on_broken = on_broken
        self._manager = self._start()
        rota = Rota(slots=slots, room=loaded.context)
        self._turns = TurnTaker(_Between(Steps(loaded), self._pause), rota, on_broken=on_broken)

    def submit(self, job: Job) -> Callable[[], None]:
        """Begin a job; return what ends it before its next step."""
        if not is_batchable(job.sampling):
            return self._turns.submit(job)
        self._revive()
        manager, ident = self._manager, secrets.token_hex(8)
        heard = _Heard(job)
        manager.register_result_handler(ident, heard)
        taken = manager.add_request(
            job.tokens,
            request_id=ident,
            max_new_tokens=job.most,
            streaming=True,
            eos_token_id=[*job.ends] or -1,
            **_sampling(job.sampling, self._vocabulary),
        )

        def cancel() -> None:
            heard.is_over = True
            manager.output_router.result_handlers.pop(ident, None)
            manager.cancel_request(ident)
            self._forget_unheard()

        if taken is None:
            cancel()
            raise Failed("the batch takes no requests now")
        return cancel

    def do(self, errand: Callable[[], T]) -> Future[T]:
        """Run a function while the batch pauses; return its result to come."""

        def run() -> T:
            with self._pause():
                return errand()

        return self._turns.do(run)

    def park(self, drop: Callable[[], None]) -> Future[None]:
        """End the batch, whose pool of keys and values is freed with it, and have the weights dropped."""

        def run() -> None:
            self._stop()
            drop()

        return self._turns.park(run)

    def wake(self, bring: Callable[[], None]) -> Future[None]:
        """Have the weights brought back, and begin a batch with a pool of its own."""

        def run() -> None:
            bring()
            self._manager = self._start()

        return self._turns.wake(run)

    def close(self) -> None:
        """End both threads; jobs under way are told nothing more."""
        self._turns.close()
        self._stop()

    @property
    def _vocabulary(self) -> int:
        return int(self._loaded.model.config.get_text_config().vocab_size)

    def _start(self) -> Any:
        # Values other than the defaults, so that the manager has a processor for each; every request gives its own.
        configure: Any = GenerationConfig  # it has no types
        sampling = configure(do_sample=True, temperature=0.5, top_k=1, top_p=0.5, eos_token_id=-1, pad_token_id=0)
        manager = self._loaded.model.init_continuous_batching(
            generation_config=sampling,
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=PAGE,
                num_blocks=-(-self._loaded.context // PAGE) + self._slots,
                max_batch_tokens=min(MOST_AT_ONCE, max(self._loaded.context, PAGE)),
                max_requests_per_batch=self._slots,
                per_request_processors=True,
                auto_switch_to_flash=False,
                use_cuda_graph=False,
                use_async_batching=False,
            ),
        )
        manager.warmup()  # takes the pool now: a lack of memory is found while the model loads
        manager.start()
        return manager

    def _stop(self) -> None:
        if self._manager.is_running():
            self._manager.stop(block=True, timeout=STOP_S, hard_stop=True)
        if self._manager.is_running():
            raise Failed(f"the batch did not end within {STOP_S:g} s")
        self._manager.batch_processor = None  # one that ended by itself keeps its pool

    def _revive(self) -> None:
        """Begin the batch anew after it has ended: a failure of one computation ends it for all.

        The same manager, with the pool it has: there may be no memory for a second one.
        """
        status = self._manager.background_thread_status
        if self._manager.is_running() and status.can_accept_new_requests() is None:
            return
        self._manager.join(time.perf_counter(), STOP_S)  # who failed is told a moment before the thread is gone
        if is_device_broken(RuntimeError(str(status.fatal_error))):
            self._on_broken()
        sys.stderr.write("the batch has ended and is begun anew\n")
        self._manager.start()

    def _forget_unheard(self) -> None:
        """Drop what the manager keeps for those who have left; nobody will ask for it."""
        unheard = self._manager.output_router.output_queue
        with suppress(queue.Empty):
            while True:
                unheard.get_nowait()

    def _pause(self) -> AbstractContextManager[None]:
        return self._manager.pause() if self._manager.is_running() else nullcontext()


class _Heard:
    """Tells a job what the manager says of it: everything said so far, each time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.is_over = False

    def __call__(self, output: Any) -> None:
        job = self._job
        for token in output.generated_tokens[job.said :]:
            if self.is_over:
                return
            job.tokens.append(token)
            self._tell(End("stop") if token in job.ends else token)
        if output.error:
            self._tell(_error(str(output.error)))
        elif output.is_finished() and not self.is_over:
            self._tell(End("length"))

    def _tell(self, what: int | End | ApiError) -> None:
        if not self.is_over:
            self.is_over = not isinstance(what, int)
            self._job.tell(what)


class _Between:
    """A Stepper whose steps are done while the batch pauses."""

    def __init__(self, steps: Steps, pause: Callable[[], AbstractContextManager[None]]) -> None:
        self._steps = steps
        self._pause = pause
        self.forget = steps.forget
        self.clean = steps.clean

    def step(self, job: Job) -> int | None:
        """Do one step of the job."""
        with self._pause():
            return self._steps.step(job)


def _sampling(sampling: Sampling, vocabulary: int) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"temperature": 1.0, "top_k": 1, "top_p": 1.0}
    top_k = min(sampling.top_k or vocabulary, vocabulary)
    return {"temperature": max(sampling.temperature, 1e-3), "top_k": top_k, "top_p": sampling.top_p}


def _error(said: str) -> ApiError:
    if is_out_of_memory(RuntimeError(said)):
        return NoMemory()
    sys.stderr.write(f"{said}\n")
    return Failed("the model's computation failed")
