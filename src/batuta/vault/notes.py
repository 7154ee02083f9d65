"""How the uses of keys went, on its way to the database: written together some seconds later, not at each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from batuta.catalog.store import NotSaved
from batuta.clock import Clock
from batuta.tasks import Tasks

WRITE_AFTER_S: Final = 5.0  # people look at it, nothing decides by it: a crash may lose that much


class Notes:
    """Ids of keys with something to write.

    Args:
        write: writes what is known of these keys; raises NotSaved.
        clock: tells when.
        tasks: runs the writing.
    """

    def __init__(self, write: Callable[[Collection[str]], Awaitable[None]], clock: Clock, tasks: Tasks) -> None:
        self._write = write
        self._clock = clock
        self._tasks = tasks
        self._ids: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    def add(self, key_id: str) -> None:
        """Have the key written before long."""
        self._ids.add(key_id)
        if self._writing is None or self._writing.done():
            self._writing = self._tasks.start(self._write_later(), name="vault notes")

    async def _write_later(self) -> None:
        while self._ids:
            await self._clock.sleep(WRITE_AFTER_S)
            with suppress(NotSaved):  # tried again at the next turn
                await self.write()

    async def write(self) -> None:
        """Write now what is to be written. Raises NotSaved; it is then still to be written."""
        ids, self._ids = self._ids, set()
        try:
            if ids:
                await self._write(ids)
        except NotSaved:
            self._ids |= ids
            raise
