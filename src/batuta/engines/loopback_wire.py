"""One connection in the clear and the answer on it: HTTP/1.1 parsed into a reply. Knows nothing of pools.

A reply can be read before, while or after it arrives. One that is let go before its end takes its connection with it.

A connection that was kept may have been closed by the other side meanwhile. Two facts tell what that means:

1. Before a request is written: an idle connection that has something to read has been closed, or says what nobody asked
   for. It is not written to (`is_usable`).
2. After it is written: the other side ended a used connection without a byte of an answer (`was_hung_up`). It may
   have closed just before, or have taken the request and died. Nobody can tell: only what may be done twice is sent
   again.

Our own deadline is neither: it is a timeout.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self, cast

import httptools

from batuta.engines.faults import Seen, fault
from batuta.errors import BatutaError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend may take or send. Seconds and bytes."""

    connect_s: float = 5.0  # a machine that is there answers in milliseconds, over a bad line in one or two seconds
    head: int = 64 * 1024  # ten times what any provider sends
    body: int = 64 * 1024 * 1024  # 2,000 embeddings of 4,096 floats as text
    buffered: int = 256 * 1024  # unread bytes after which the backend is paused
    stream: int = 256 * 1024 * 1024  # an endless stream; a million tokens are under 200 MB of events
    stream_s: float = 4 * 3600.0  # the longest a stream may go on, however busy
    connections: int = 512  # to one origin; half of the usual limit of open files
    idle_s: float = 4.0  # under the 5 s after which llama-server and uvicorn close an idle connection


LIMITS: Final = Limits()
_NO_BODY = {204, 304}
_ENDED_EARLY = {Seen.HUNG_UP, Seen.CUT_STREAM}  # what it is called depends on how the answer is read


class Owner(Protocol):
    """Who keeps connections."""

    where: str
    limits: Limits

    def opened(self, connection: Connection) -> None:
        """Take note that a connection is open."""

    def put_back(self, connection: Connection) -> None:
        """Take a connection that is at the end of an answer."""

    def dropped(self, connection: Connection) -> None:
        """Take note that a connection is closed."""


class LoopbackReply:
    """An answer that is being received. Satisfies engines.base.RawReply, with any status."""

    __slots__ = (
        "_buffered",
        "_connection",
        "_error",
        "_is_paused",
        "_is_whole",
        "_limits",
        "_loop",
        "_parts",
        "_raw_headers",
        "_received",
        "_waiter",
        "_where",
        "content_type",
        "encoding",
        "is_complete",
        "status",
    )

    def __init__(self, connection: Connection, where: str, limits: Limits) -> None:
        self.status = 0
        self.content_type = ""
        self.encoding = ""
        self.is_complete = False
        self._connection: Connection | None = connection
        self._loop = connection.loop
        self._where = where
        self._limits = limits
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._buffered = 0
        self._received = 0
        self._is_paused = False
        self._is_whole = False  # the reader wants all of it: no pausing
        self._error: Seen | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case; of repeated ones the last."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._raw_headers}

    async def read(self) -> bytes:
        """Return the whole body. Raises ProviderError when it does not come whole, or is above the cap."""
        self._is_whole = True
        self._resume()
        while not self.is_complete:
            if self._error is not None:
                raise self._failure(Seen.TRUNCATED)
            if self._received > self._limits.body:
                self.cut()
                raise fault(Seen.TOO_LARGE, where=self._where)
            await self._wait()
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        return body

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield what has arrived, as it arrives. Raises ProviderError when it stops before its end."""
        return self

    # The reply is its own iterator: a generator that is dropped half-way would need a task to be closed.
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self.is_complete:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._failure(Seen.CUT_STREAM)
            if self._received > self._limits.stream:
                self.cut()
                raise fault(Seen.TOO_LARGE, where=self._where)
            await self._wait()
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        self._resume()
        return data

    async def aclose(self) -> None:
        """Let go. An answer that is not at its end is cut off, which tells the backend to stop."""
        self.cut()

    def cut(self) -> None:
        """Do what aclose does, at once."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._error = self._error or Seen.CUT_STREAM
            connection.abort()

    # Called by the connection -------------------------------------------------------------------------------

    def begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Take the head and wake the sender."""
        self.status = status
        self._raw_headers = headers
        for name, value in headers:
            size = len(name)
            if size == 12 and name.lower() == b"content-type":
                self.content_type = value.decode("latin-1")
            elif size == 16 and name.lower() == b"content-encoding":
                self.encoding = value.decode("latin-1").lower()
        self.wake()

    def add(self, data: bytes) -> bool:
        """Take a piece of the body; True when the backend should pause."""
        self._parts.append(data)
        self._received += len(data)
        self._buffered += len(data)
        if self._is_whole:
            if self._received > self._limits.body:
                self.wake()
            return False
        self.wake()
        if self._buffered > self._limits.buffered and not self._is_paused:
            self._is_paused = True
            return True
        return False

    def complete(self) -> None:
        """Take note of the end."""
        self.is_complete = True
        self._connection = None
        self.wake()

    def fail(self, seen: Seen) -> None:
        """Take note that the rest will not come."""
        self._error = self._error or seen
        self._connection = None
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def head(self) -> BatutaError | None:
        """Wait for the head; return the error that came instead."""
        while self.status == 0 and self._error is None:
            await self._wait()
        return None if self.status else self._failure(Seen.HUNG_UP)

    # Inside ---------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.cut()
            raise

    def _resume(self) -> None:
        if self._is_paused and self._connection is not None:
            self._is_paused = False
            self._connection.resume()

    def _failure(self, hung_up: Seen) -> BatutaError:
        seen = self._error or hung_up
        return fault(hung_up if seen in _ENDED_EARLY else seen, where=self._where)


class Connection(asyncio.Protocol):
    """One socket; one exchange at a time. The on_* methods are the parser's callbacks."""

    __slots__ = (
        "_framed",
        "_has_answered",
        "_head_size",
        "_headers",
        "_idle_limit",
        "_is_ended",
        "_is_paused",
        "_is_streaming",
        "_keeps_alive",
        "_last_byte",
        "_owner",
        "_parser",
        "_reply",
        "_started",
        "_status",
        "_timer",
        "_transport",
        "_unparsed",
        "_was_cut",
        "_watch",
        "idle_since",
        "loop",
        "uses",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.uses = 0
        self.idle_since = 0.0
        self._has_answered = False  # a byte of the present exchange has come
        self._owner = owner
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reply: LoopbackReply | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._framed = False  # the head says where the body ends
        self._status = 0
        self._is_paused = False
        self._is_ended = False
        self._is_streaming = False
        self._keeps_alive = False
        self._unparsed = 0  # bytes of a head that is not whole yet
        self._was_cut = False  # the other side ended it while an answer was due
        self._watch = select.poll()
        self._idle_limit = self._last_byte = self._started = 0.0

    @property
    def was_hung_up(self) -> bool:
        """Whether the other side ended it, after earlier use, without a byte of the present answer."""
        return self.uses > 1 and self._was_cut and not self._has_answered

    @property
    def is_open(self) -> bool:
        """Whether neither side is known to have closed it."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_usable(self) -> bool:
        """Whether it can take a request: open, and the other side has said nothing, not even goodbye. A system call."""
        return self.is_open and not self._watch.poll(0)

    def start(self, request: bytes, body: bytes, *, deadline: float, idle_s: float, name: str = "") -> LoopbackReply:
        """Write a request and return its reply, which has nothing yet."""
        assert self._transport is not None
        self.uses += 1
        self._has_answered = False
        self._status = 0
        self._head_size = 0
        self._unparsed = 0
        self._is_streaming = False
        self._idle_limit = idle_s
        self._started = self.loop.time()
        reply = self._reply = LoopbackReply(self, name or self._owner.where, self._owner.limits)
        if len(body) < 65536:
            self._transport.write(request + body)
        else:
            self._transport.writelines((request, body))
        self._timer = self.loop.call_at(deadline, self._look_at_clock)
        return reply

    def abort(self) -> None:
        """Cut the socket now."""
        self._stop_timer()
        self._reply = None
        if self._transport is not None:
            self._transport.abort()

    def resume(self) -> None:
        """Take bytes again after a pause."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._last_byte = self.loop.time()
            self._transport.resume_reading()

    # asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.opened(self)
        self._transport = cast("asyncio.Transport", transport)  # asyncio and uvloop set TCP_NODELAY themselves
        self._watch.register(transport.get_extra_info("socket"), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:  # nobody asked for anything
            self.abort()
            return
        self._has_answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._is_ended:  # the answer is whole; what follows it is not ours
                self._keeps_alive = False
                self._end_exchange()
                return
            self._fail(Seen.CUT_STREAM if self._status else Seen.NOT_HTTP)
            return
        if self._is_ended:
            self._end_exchange()
        elif self._status:
            self._last_byte = self.loop.time()
            if not self._is_streaming:  # from here on silence is measured from byte to byte
                self._is_streaming = True
                self._stop_timer()
                self._timer = self.loop.call_at(self._last_byte + self._idle_limit, self._look_at_clock)
        else:
            self._unparsed += len(data)
            if self._unparsed > self._owner.limits.head:
                self._fail(Seen.NOT_HTTP)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reply, self._reply = self._reply, None
        self._stop_timer()
        self._owner.dropped(self)
        if reply is None:
            return
        self._was_cut = True
        if self._status and not self._framed and exc is None:
            reply.complete()  # the end of the connection is the end of the body
        else:
            reply.fail(Seen.HUNG_UP)

    # httptools --------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._headers = []
        self._framed = False
        if self._is_ended:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > self._owner.limits.head:
            raise ValueError("the head is too large")
        if len(name) in {14, 17} and name.lower() in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 101:
            raise ValueError("nobody asked for another protocol")
        if status < 200:
            return  # 100, 102, 103: the answer itself is still to come
        self._status = status
        self._framed = self._framed or status in _NO_BODY
        if self._reply is not None:
            self._reply.begin(status, self._headers)

    def on_body(self, data: bytes) -> None:
        if self._reply is not None and self._reply.add(data) and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._status:
            self._is_ended = True
            self._keeps_alive = self._parser.should_keep_alive()

    # Inside -----------------------------------------------------------------------------------------------------

    def _end_exchange(self) -> None:
        reply, self._reply = self._reply, None
        self._stop_timer()
        self._is_ended = False
        transport = self._transport
        if transport is not None:
            self.resume()
            # A request not yet written out was answered early: what is left of it would spoil the next one.
            if self._keeps_alive and not transport.get_write_buffer_size() and self.is_open:
                self._owner.put_back(self)
            else:
                transport.abort()
        if reply is not None:
            reply.complete()

    def _fail(self, seen: Seen) -> None:
        reply = self._reply
        self.abort()
        if reply is not None:
            reply.fail(seen)

    def _look_at_clock(self) -> None:
        self._timer = None
        now = self.loop.time()
        if not self._status:
            self._fail(Seen.SILENT)
            return
        if now - self._started >= self._owner.limits.stream_s:
            self._fail(Seen.TOO_LARGE)
            return
        # While the reader has us paused, the backend's silence is our own doing.
        quiet_since = now if self._is_paused else self._last_byte
        if now - quiet_since >= self._idle_limit:
            self._fail(Seen.STALLED)
            return
        self._timer = self.loop.call_at(quiet_since + self._idle_limit, self._look_at_clock)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
