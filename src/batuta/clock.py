"""Where time comes from. Everything that waits takes a Clock, so that tests need not."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time and the only way to sleep."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. Durations and deadlines use this."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, for people and files; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)
