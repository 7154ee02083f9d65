"""Carries facts from the part that knows them to the parts that show them. Never blocks the sender."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

MAILBOX = 1024  # facts a slow listener may fall behind before it loses the oldest


class Subscription:
    """One listener's mailbox. Iterate over it; close it when done."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._facts: deque[Any] = deque(maxlen=MAILBOX)
        self._wake = asyncio.Event()
        self.lost = 0

    def put(self, fact: Any) -> None:
        """Add a fact; the oldest is dropped (and counted in `lost`) when the box is full."""
        if len(self._facts) == MAILBOX:
            self.lost += 1
        self._facts.append(fact)
        self._wake.set()

    async def get(self) -> Any:
        """Return the next fact, waiting for one if there is none."""
        while not self._facts:
            self._wake.clear()
            await self._wake.wait()
        return self._facts.popleft()

    def drain(self) -> list[Any]:
        """Return the facts that are here already, without waiting."""
        facts = list(self._facts)
        self._facts.clear()
        return facts

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            yield await self.get()

    def close(self) -> None:
        """Stop receiving."""
        self._bus.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Bus:
    """Synchronous fan-out. `publish` calls every listener at once; listeners must only store."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Any], None]] = []
        self._boxes: list[Subscription] = []
        self._on_reader: list[Callable[[], None]] = []

    @property
    def readers(self) -> int:
        """How many mailboxes are open: pages and scripts that somebody looks at."""
        return len(self._boxes)

    def publish(self, fact: Any) -> None:
        """Hand `fact` to every listener."""
        for listener in self._listeners:
            listener(fact)

    def listen(self, listener: Callable[[Any], None]) -> None:
        """Call `listener(fact)` for each fact from now on. It must be quick and must not raise."""
        self._listeners.append(listener)

    def drop(self, listener: Callable[[Any], None]) -> None:
        """Stop calling `listener`."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def subscribe(self) -> Subscription:
        """Open a mailbox for an async reader."""
        box = Subscription(self)
        self.listen(box.put)
        self._boxes.append(box)
        for each in self._on_reader:
            each()
        return box

    def leave(self, box: Subscription) -> None:
        """Close a mailbox."""
        self.drop(box.put)
        if box in self._boxes:
            self._boxes.remove(box)

    def when_read(self, callback: Callable[[], None]) -> None:
        """Call `callback()` each time a mailbox is opened. It must be quick and must not raise."""
        self._on_reader.append(callback)
