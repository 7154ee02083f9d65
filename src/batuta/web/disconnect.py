"""Lets a running request notice that its client has gone. Knows nothing of what the request does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, Self

from batuta.errors import PayloadTooLarge
from batuta.tasks import Tasks

log = logging.getLogger("batuta.web")

HOOK: Final = "batuta.disconnect"  # scope extension: the connection's Departure
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(Exception):
    """The client left before its request was whole. Nobody is there to be told."""


class Departure:
    """One connection's end, and who wants to know of it. Called with a callback, it registers it."""

    __slots__ = ("_cut", "_listeners", "is_gone")

    def __init__(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._listeners: set[Callable[[], None]] = set()
        self.is_gone = False

    def __call__(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client leaves; at the loop's next turn when it already has."""
        if self.is_gone:
            asyncio.get_running_loop().call_soon(callback)
        else:
            self._listeners.add(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Do not call `callback` any more."""
        self._listeners.discard(callback)

    def cut(self) -> None:
        """Close the connection from this side, at once; the listeners hear of it."""
        self._cut()

    def announce(self) -> None:
        """Tell everybody, once. The server calls it."""
        if not self.is_gone:
            self.is_gone = True
            listeners, self._listeners = self._listeners, set()
            for listener in listeners:
                listener()


class _CancelOnDisconnect:
    """See `cancel_on_disconnect`. `is_gone` tells after the block whether it was cut short."""

    __slots__ = ("_departure", "_receive", "_task", "_watchers", "is_gone")

    def __init__(self, departure: Departure | None, receive: Receive) -> None:
        self._departure = departure
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watchers: Tasks | None = None
        self.is_gone = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._departure is not None:
            self._departure(self._leave)
        else:
            self._watchers = Tasks(_report)
            self._watchers.start(self._watch(), name="watch for the client's departure")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._departure is not None:
            self._departure.forget(self._leave)
        if self._watchers is not None:
            await self._watchers.aclose()
        if not self.is_gone or self._task is None:
            return False
        # Only our own cancellation is swallowed: one from outside (a shutdown) stays.
        is_ours_alone = self._task.uncancel() == 0
        return is_ours_alone and kind is not None and issubclass(kind, asyncio.CancelledError)

    def _leave(self) -> None:
        if not self.is_gone and self._task is not None:
            self.is_gone = True
            self._task.cancel("the client has gone")

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()


def _report(name: str, error: BaseException) -> None:
    log.error("%s ended with %s", name, type(error).__name__)


def cancel_on_disconnect(scope: Mapping[str, Any], receive: Receive) -> _CancelOnDisconnect:
    """Cancel the current task while inside the block as soon as the client leaves.

    Use it as `async with cancel_on_disconnect(scope, receive) as client:`. The cancellation runs through the block like
    any other, so leases and upstream connections in it are released, and ends at its edge: the code after it goes on
    and reads `client.is_gone`. Read the request's body before: where the server offers no hook, the block itself waits
    on `receive`.
    """
    return _CancelOnDisconnect((scope.get("extensions") or {}).get(HOOK), receive)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole request body.

    Raises:
        PayloadTooLarge: it has more than `limit` bytes; what follows is not read.
        ClientGone: the client left before its end.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= limit:
        return body  # nearly every request: one message
    parts, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body") and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if message["type"] != "http.request":
        raise ClientGone
    if size > limit:
        raise PayloadTooLarge(f"The body is larger than the {limit} bytes that are accepted.")
    return b"".join(parts)
