"""HTTP/1.1 in the clear to a server on this machine: pooled connections, no more work a call than it takes.

It exists because a general HTTP client costs several times the CPU of the whole gateway on this path. Knows nothing of
keys, models or dialects; every failure leaves through the fault table.

How a connection goes round: `LoopbackClient.send` takes one that is idle, or opens one; `Connection` writes the request
and parses the answer into a `LoopbackReply`; at the end of the answer the connection is idle again, whether or not
the reply has been read.

A request is written twice in one case only: a GET or HEAD whose kept connection was hung up without a byte of an
answer. Anything else may have been taken by the server before it hung up, and what it does must not be done twice.
"""

from __future__ import annotations

import asyncio
from collections import deque

from batuta.engines.faults import Seen, fault, from_exception
from batuta.engines.loopback_wire import LIMITS, Connection, Limits, LoopbackReply


class Origin:
    """The connections to one host and port: the idle ones, the number of open ones, and who waits for one."""

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        self.host = host
        self.port = port
        self.limits = limits
        self.where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []  # the last is the one used last
        self._open: set[Connection] = set()
        self._opening = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def size(self) -> tuple[int, int]:
        """How many connections are open, and how many of them idle."""
        return len(self._open), len(self._idle)

    async def take(self, deadline: float, name: str = "") -> Connection:
        """Return a connection: idle, new, or given back by another. Raises UpstreamUnreachable, UpstreamTimeout."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_usable:
                    return connection
                connection.abort()
            if len(self._open) + self._opening < self.limits.connections:
                return await self.connect(deadline, name)
            await self._turn(deadline, name)

    async def connect(self, deadline: float, name: str = "") -> Connection:
        """Open a connection."""
        until = min(deadline, self._loop.time() + self.limits.connect_s)
        self._opening += 1
        try:
            async with asyncio.timeout_at(until):
                connection = await self._open_any()
        except OSError as error:  # TimeoutError among them
            raise from_exception(error, where=name or self.where) from None
        finally:
            self._opening -= 1
            self._wake_one()
        return connection

    async def _open_any(self) -> Connection:
        # `localhost` is not looked up: it is the machine itself, whatever a name server says.
        hosts = ("127.0.0.1", "::1") if self.host == "localhost" else (self.host,)
        for host in hosts:
            try:
                _, made = await self._loop.create_connection(lambda: Connection(self, self._loop), host, self.port)
            except OSError:
                if host == hosts[-1]:
                    raise
            else:
                return made
        raise AssertionError("unreachable: the last host returns or raises")

    async def _turn(self, deadline: float, name: str) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except (TimeoutError, asyncio.CancelledError) as left:
            if waiter.done() and not waiter.cancelled():
                self._wake_one()  # our turn came as we left: it is the next one's
            if isinstance(left, TimeoutError):
                raise fault(Seen.NO_FREE_CONNECTION, where=name or self.where) from None
            raise

    def put_back(self, connection: Connection) -> None:
        """Take a connection that is at the end of an answer."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self.limits.idle_s, self._sweep)
        self._wake_one()

    def opened(self, connection: Connection) -> None:
        """Take note that a connection is open."""
        self._open.add(connection)

    def dropped(self, connection: Connection) -> None:
        """Take note that a connection is closed."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _sweep(self) -> None:
        self._sweeper = None
        since = self._loop.time() - self.limits.idle_s
        for connection in [idle for idle in self._idle if idle.idle_since <= since]:
            self._idle.remove(connection)
            connection.abort()
        if self._idle:
            self._sweeper = self._loop.call_at(self._idle[0].idle_since + self.limits.idle_s, self._sweep)

    def close(self) -> None:
        """Cut everything."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._open):
            connection.abort()


def may_repeat(head: bytes) -> bool:
    """Whether a request may be sent again though the first may have arrived: it changes nothing."""
    return head.startswith((b"GET ", b"HEAD "))


class LoopbackClient:
    """Sends requests to servers on this machine."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._origins: dict[tuple[str, int], Origin] = {}

    async def send(
        self, origin: tuple[str, int], head: bytes, body: bytes, *, deadline: float, idle_s: float, name: str = ""
    ) -> LoopbackReply:
        """Send a request and return once the head of the answer is there, whatever its status.

        Args:
            origin: host and port.
            head: request line and headers, with the empty line at their end.
            body: as many bytes as the head announces.
            deadline: the loop's seconds at which the wait for the head ends.
            idle_s: seconds of silence after which a body counts as dead.
            name: what messages call the server; empty: by host and port.

        Raises:
            UpstreamUnreachable: nobody listens.
            UpstreamTimeout: no connection or no head in time.
            UpstreamFailed: hung up, or answered something else than HTTP.
        """
        place = self.origin(origin)
        connection = await place.take(deadline, name)
        reply = connection.start(head, body, deadline=deadline, idle_s=idle_s, name=name)
        error = await reply.head()
        if error is not None and connection.was_hung_up and may_repeat(head):
            connection = await place.connect(deadline, name)
            reply = connection.start(head, body, deadline=deadline, idle_s=idle_s, name=name)
            error = await reply.head()
        if error is not None:
            raise error
        return reply

    def origin(self, origin: tuple[str, int]) -> Origin:
        """Return the connections to a host and port."""
        place = self._origins.get(origin)
        if place is None:
            place = self._origins[origin] = Origin(*origin, self.limits)
        return place

    def close(self) -> None:
        """Cut all connections."""
        for place in self._origins.values():
            place.close()
        self._origins.clear()
