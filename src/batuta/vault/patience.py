"""Waits for work that blocks, in a thread of its own, and not for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from batuta.errors import BatutaBug, BatutaError

T = TypeVar("T")
UNFORESEEN: Final = (OSError, ValueError, ImportError, MemoryError, RuntimeError)  # what the world outside fails with
EXPECTED: Final = (BatutaError, *UNFORESEEN)


async def in_time(work: Callable[[], T], within_s: float) -> T:
    """Return what `work` returns or raise what it raises. Raises TimeoutError after `within_s` seconds.

    The thread is a daemon's and not the loop's pool's: one that hangs (a keyring that waits for a person who is not
    there) must not hold up the end of the process.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if outcome.done():  # nobody waits any more
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # T may be None itself

    def run() -> None:
        result: T | None = None
        fault: Exception | None = BatutaBug("the work in a thread ended with an error nobody expected")
        try:
            result, fault = work(), None
        except EXPECTED as error:
            fault = error
        finally:  # any other error goes the way of a thread's errors; whoever waits is still told
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(settle, result, fault)

    threading.Thread(target=run, name="vault", daemon=True).start()
    async with asyncio.timeout(within_s):
        return await outcome
