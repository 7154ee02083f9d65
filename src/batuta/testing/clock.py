"""Time that moves only when a test says so. Knows nothing of what waits for it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Any

_ROUNDS = 10_000  # of the loop, after which work that keeps making work is taken for endless
_BLIND_ROUNDS = 50  # on a loop that does not show its queue


class ManualClock:
    """A Clock whose sleepers wake in the order of their times, one by one, when `advance` passes them.

    Between two wake-ups the loop runs until nothing is left to do, so that a play always runs the same. What waits
    for a socket or a thread is not waited for.

    Args:
        start: what `monotonic` says first.
        wall: what `wall` says at the same moment (an afternoon in November 2025).
    """

    def __init__(self, start: float = 1000.0, wall: float = 1_763_000_000.0) -> None:
        self._now = start
        self._wall_ahead = wall - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def __repr__(self) -> str:
        return f"<ManualClock {self._now:.3f} s, {self.sleepers} asleep>"

    @property
    def sleepers(self) -> int:
        """How many sleeps are pending."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def monotonic(self) -> float:
        """Seconds, moved by `advance` alone."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970; moves with `advance`, and by `jump_wall`."""
        return self._now + self._wall_ahead

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a person or a time server does."""
        self._wall_ahead += seconds

    async def sleep(self, seconds: float) -> None:
        """Return when `advance` has passed that many seconds; at once, after a turn of the loop, for 0 or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass: wake what is due in order, each at its own time, and settle after each."""
        end = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if future.done():  # its sleeper was cancelled
                continue
            self._now = max(self._now, due)
            future.set_result(None)
            await self.settle()
        self._now = end
        await self.settle()

    async def settle(self) -> None:
        """Run the loop until no callback is ready."""
        ready: Any = getattr(asyncio.get_running_loop(), "_ready", None)
        for _ in range(_BLIND_ROUNDS if ready is None else _ROUNDS):
            await asyncio.sleep(0)
            if ready is not None and not ready:
                return
        if ready is not None:
            raise RuntimeError(f"the loop is still busy after {_ROUNDS:,} rounds: something never stops making work")
