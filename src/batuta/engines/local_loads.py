"""Loads at engines that other people's programs run: one at a time for each model, in tasks of our own, polled.

Neither single flight nor a load that outlives the request that asked for it is anything these engines offer. Knows no
engine, no dialect and no transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from batuta.engines.base import LoadProgress, LoadReport, ProgressListener
from batuta.errors import BatutaBug, BatutaError, Cause, ModelFailed
from batuta.tasks import Tasks

Work = Callable[[ProgressListener], Awaitable[LoadReport]]
"""Does one load: told whom to tell of progress, it returns the report or raises."""


@dataclass(slots=True)
class _Load:
    """One load under way and who hears of it."""

    done: asyncio.Future[LoadReport]
    task: asyncio.Task[None] | None = None
    last: LoadProgress | None = None
    listeners: list[ProgressListener] = field(default_factory=list)

    def tell(self, progress: LoadProgress) -> None:
        self.last = progress
        for listener in tuple(self.listeners):
            listener(progress)


class LocalLoads:
    """The loads of one engine, by the model's address.

    Args:
        where: how messages call the engine.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._loads: dict[str, _Load] = {}
        self._tasks = Tasks(self._died)

    def __contains__(self, address: object) -> bool:
        return address in self._loads

    @property
    def addresses(self) -> tuple[str, ...]:
        """The models on their way in."""
        return tuple(self._loads)

    async def join(self, address: str, work: Work, on_progress: ProgressListener) -> LoadReport:
        """Wait for the load under way, or start one with `work`. Cancelling this call does not abort the load.

        Raises:
            BatutaError: what the load ended with, for each who waits.
        """
        load = self._loads.get(address)
        if load is None:
            load = _Load(asyncio.get_running_loop().create_future())
            load.done.add_done_callback(_looked_at)
            load.task = self._tasks.start(_run(load, work), name=f"load {address} at {self._where}")
            self._loads[address] = load
            load.task.add_done_callback(lambda task: self._ended(address, load, task))
        elif load.last is not None:
            on_progress(load.last)
        load.listeners.append(on_progress)
        try:
            return await asyncio.shield(load.done)
        except BatutaError as error:
            raise error.again() from None  # waiters share a cause, not a traceback
        finally:
            load.listeners.remove(on_progress)

    async def abort(self, address: str) -> bool:
        """Stop a load under way and wait until its connection is closed. Returns whether there was one."""
        load = self._loads.get(address)
        if load is None or load.task is None:
            return False
        load.task.cancel()
        await asyncio.wait([load.task])
        return True

    async def aclose(self) -> None:
        """Stop every load."""
        await self._tasks.aclose()

    def _ended(self, address: str, load: _Load, task: asyncio.Task[None]) -> None:
        """Take the load off the list. Who still waits hears that it was stopped, or that it died of a fault of ours."""
        del self._loads[address]
        if task.cancelled():
            _fail(load, ModelFailed(f"the load of {address} at {self._where} was stopped", cause=Cause.UNKNOWN))
        else:
            _fail(load, BatutaBug(f"the load of {address} at {self._where} ended with an error nobody expected"))

    def _died(self, name: str, error: BaseException) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": f"{name} died", "exception": error})


async def _run(load: _Load, work: Work) -> None:
    try:
        report = await work(load.tell)
    except BatutaError as error:
        _fail(load, error)
    else:
        load.done.set_result(report)


def _fail(load: _Load, error: BatutaError) -> None:
    if not load.done.done():
        load.done.set_exception(error)


def _looked_at(done: asyncio.Future[LoadReport]) -> None:
    """Take the exception out, so that an error that nobody waited for is not reported as forgotten."""
    if not done.cancelled():
        done.exception()


async def poll_until(check: Callable[[], Awaitable[bool]], *, poll_s: float, within_s: float) -> bool:
    """Ask `check` every `poll_s` seconds until it says yes; False when `within_s` seconds have passed.

    The first question is asked at once, and a last one at the end. Errors of `check` go through.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not await check():
        left = end - loop.time()
        if left <= 0:
            return False
        await asyncio.sleep(min(poll_s, left))
    return True
