"""The listening side of a connection: uvicorn's protocol, plus the limits it lacks.

Deadlines for head, body, silence and slow readers; caps on head, body and connections; strict framing; and word of a
client's departure for whoever serves it. Knows nothing of routes, hosts or keys.

uvicorn hands the parser's callbacks and the ASGI cycle to us by subclassing; the parts of it relied on are covered by
tests on real sockets, so that an upgrade that changes them is seen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar, Final, cast

import httptools
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from batuta.errors import BadRequest, BatutaError, PayloadTooLarge
from batuta.settings import EdgeSettings, Settings
from batuta.web.deadlines import Phase, Progress, Verdict, sweep_interval_s
from batuta.web.disconnect import HOOK, Departure
from batuta.web.edge import AUTHORITY
from batuta.web.errors import HeadTooLarge, RequestTooSlow, TooManyConnections, raw_response
from batuta.web.table import is_endless, is_upload

PIPELINED = 4  # requests sent ahead of their answers before we stop reading (and stop noticing a departure)
SHUTDOWN_S = 10  # for running answers, after which they are cancelled
_WAITING: Final = frozenset({Phase.SILENT, Phase.HEAD, Phase.IDLE})
_HOP_TOKENS: Final = frozenset({b"upgrade", b"http2-settings"})


class Guard:
    """All connections of one server: counts them, makes room, and looks at each once a tick."""

    def __init__(self, limits: EdgeSettings) -> None:
        self.limits = limits
        self._interval_s = sweep_interval_s(limits)
        self._connections: set[EdgeProtocol] = set()
        self._per_host: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def admit(self, link: EdgeProtocol) -> bool:
        """Count a new connection in, at the cost of one that waits if need be; False when all are at work."""
        host = link.host
        is_full = len(self._connections) >= self.limits.max_connections
        if is_full or self._per_host[host] >= self.limits.max_connections_per_host:
            if (victim := self._most_idle(None if is_full else host)) is None:
                return False
            self.leave(victim)
            victim.cut()
        self._connections.add(link)
        self._per_host[host] += 1
        if self._timer is None:
            self._timer = link.loop.call_later(self._interval_s, self._sweep, link.loop)
        return True

    def leave(self, link: EdgeProtocol) -> None:
        """Forget a connection; fine if it was never admitted."""
        if link in self._connections:
            self._connections.discard(link)
            self._per_host[link.host] -= 1
            if not self._per_host[link.host]:
                del self._per_host[link.host]
            if not self._connections and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _most_idle(self, host: str | None) -> EdgeProtocol | None:
        """Return who has asked for nothing for the longest; one that has been served before goes last."""
        waiting = [
            link
            for link in self._connections
            if link.progress.phase in _WAITING and not link.is_serving and (host is None or link.host == host)
        ]
        return min(waiting, key=lambda link: (link.progress.phase is Phase.IDLE, link.progress.since), default=None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        # One timer for all: setting a deadline costs a request two assignments, not a timer.
        self._timer = loop.call_later(self._interval_s, self._sweep, loop)
        now = loop.time()
        for link in tuple(self._connections):
            link.review(now)


class EdgeProtocol(HttpToolsProtocol):
    """One connection. Made by uvicorn, through the class that `protocol_class` returns."""

    guard: ClassVar[Guard]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.progress = Progress(self.loop.time())
        self.host = ""
        self._departure = Departure(self.cut)
        self._extensions: dict[str, Any] = {HOOK: self._departure}
        self._serving: RequestResponseCycle | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._framing_bytes = 0
        self._has_begun = False
        self._is_deaf = False
        self._upgrade: tuple[bytes, str] | None = None

    # --- the connection ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        # Half of what may wait: a chunk is written before the mark is seen.
        transport.set_write_buffer_limits(high=self.guard.limits.max_buffered // 2)
        if not self.guard.admit(self):
            self.progress.phase = Phase.CLOSED
            transport.write(
                raw_response(TooManyConnections("All connections are in use; try again soon.", retry_after_s=1))
            )
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.leave(self)
        self.progress.phase = Phase.CLOSED
        self.pipeline.clear()
        self._depart()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        # Whoever closes their sending side is taken as gone: nearly always they are, and the rest cannot be told apart.
        self._depart()

    def cut(self) -> None:
        """End the connection at once, whatever waits to be sent."""
        self._give_up()
        self.transport.abort()

    def shutdown(self) -> None:
        # The server is stopping: answers may end, streams that never end by themselves are ended.
        if self._serving is not None and self.is_serving and is_endless(self._serving.scope["path"]):
            self.cut()
        else:
            super().shutdown()

    @property
    def is_serving(self) -> bool:
        """A request of this connection is being answered."""
        return self._serving is not None and not self._serving.response_complete

    def _give_up(self) -> None:
        """Let what is being answered go nowhere, without complaint."""
        if self._serving is not None and not self._serving.response_complete:
            self._serving.disconnected = True
            self._serving.message_event.set()

    def _depart(self) -> None:
        self._give_up()
        self._departure.announce()

    # --- deadlines -----------------------------------------------------------------------------------------------

    def review(self, now: float) -> None:
        """Close, refuse or cut the connection if it is overdue. The guard calls it once a tick."""
        progress = self.progress
        is_growing = self.is_serving and not self.flow.write_paused
        progress.note_unsent(self.transport.get_write_buffer_size(), now, is_growing=is_growing)
        verdict = progress.overdue(now, self.guard.limits, is_paused=self.flow.read_paused)
        if verdict is None or (verdict is Verdict.TOO_SLOW and progress.phase is Phase.HEAD and self.is_serving):
            return  # a head sent ahead may take its time: what is being answered is not cut for it
        if verdict is Verdict.CUT:
            self.cut()
        elif verdict is Verdict.TOO_SLOW and self._has_begun:
            self._refuse(RequestTooSlow("The request did not arrive in time."))
        else:
            self.transport.close()

    # --- input ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        progress = self.progress
        phase = progress.phase
        if phase >= Phase.LINGER or self._is_deaf:
            return
        starts_head = phase is Phase.SILENT or phase is Phase.IDLE
        if starts_head:
            progress.enter(Phase.HEAD, self.loop.time())
            self._head_bytes = 0
            self._has_begun = False
        body_bytes = self._body_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._carry_on(data[cast("int", upgrade.args[0]) :])
        except httptools.HttpParserError:
            self._refuse(BadRequest("This is not an HTTP/1.1 request."))
        else:
            if progress.phase is Phase.HEAD and (starts_head or phase is Phase.HEAD):
                self._count_head(len(data))
            elif progress.phase is Phase.BODY and body_bytes == self._body_bytes and phase is Phase.BODY:
                self._count_framing(len(data))

    def _count_head(self, size: int) -> None:
        # Counted here and not by header: the parser keeps an unfinished header to itself.
        self._head_bytes += size
        if self._head_bytes > self.guard.limits.max_header:
            self._refuse(HeadTooLarge(f"The headers take more than {self.guard.limits.max_header} bytes."))

    def _count_framing(self, size: int) -> None:
        """Bound what is neither head nor body: chunk extensions and trailers."""
        self._framing_bytes += size
        if self._framing_bytes > self.guard.limits.max_header:
            self._refuse(HeadTooLarge(f"The chunked framing takes more than {self.guard.limits.max_header} bytes."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True
        self._head_bytes = 0
        self.progress.enter(Phase.HEAD, self.loop.time())

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._upgrade = (self.parser.get_method(), self.parser.get_http_version())
            return
        self.progress.enter(Phase.BODY, self.loop.time())
        self._body_bytes = self._framing_bytes = 0
        extensions = self._extensions
        if self.url[:1] != b"/":
            extensions = dict(self._extensions)
            extensions[AUTHORITY] = self._named()
        self.scope["extensions"] = extensions
        super().on_headers_complete()
        self.headers = []  # trailers go nowhere: they must not join the headers of a request that has been judged
        if not self.cycle.keep_alive:
            self.cycle.transport = cast("asyncio.Transport", _GentleClose(self))
        if self.pipeline and len(self.pipeline) <= PIPELINED:
            self.flow.resume_reading()  # uvicorn stops reading here, and would not see the client leave

    def _named(self) -> bytes:
        """Return the host an absolute-form target names; uvicorn drops it, the edge compares it."""
        return self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]

    def on_body(self, body: bytes) -> None:
        if self.progress.phase >= Phase.LINGER:
            return
        self._framing_bytes = 0
        self._body_bytes += len(body)
        self.progress.window_bytes += len(body)
        if self._body_bytes > self.guard.limits.max_body and not is_upload(self.scope["path"]):
            limit = self.guard.limits.max_body
            self._refuse(PayloadTooLarge(f"The body is larger than the {limit} bytes that are accepted."))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrade is None and self.progress.phase < Phase.LINGER:
            self.progress.phase = Phase.ANSWERING
            super().on_message_complete()

    def _carry_on(self, rest: bytes) -> None:
        """Serve a request that asked to switch protocols as if it had not asked.

        The parser stops at such a head and would drop the body: Java's client sends one with every first POST.
        WebSocket and CONNECT are refused; they cannot go on without the switch.
        """
        method, version = self._upgrade or (b"", "1.1")
        self._upgrade = None
        wanted = next((value for name, value in self.headers if name == b"upgrade"), b"")
        if method == b"CONNECT" or b"websocket" in wanted.lower():
            self._refuse(BadRequest("No tunnels and no WebSocket here; live events are at /manage/events (SSE)."))
            return
        lines = [b"%s %s HTTP/%s\r\n" % (method, self.url, version.encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = [token for token in value.split(b",") if token.strip().lower() not in _HOP_TOKENS]
                lines += [b"connection: %s\r\n" % b",".join(kept)] if kept else []
            elif name not in _HOP_TOKENS:
                lines.append(b"%s: %s\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"".join([*lines, b"\r\n", rest]))

    # --- output --------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        # uvicorn would set a keep-alive timer here; the guard's sweep does that for all.
        self.server_state.total_requests += 1
        progress = self.progress
        if self.transport.is_closing() or progress.phase >= Phase.LINGER:
            return
        if self.pipeline:
            self.flow.resume_reading()
            self._start_asgi_task(*self.pipeline.pop())
        elif progress.phase is Phase.BODY:
            self.linger()
        else:
            self.flow.resume_reading()
            if progress.phase is Phase.ANSWERING:
                progress.enter(Phase.IDLE, self.loop.time())

    def _refuse(self, error: BatutaError) -> None:
        """Answer a request that cannot be let in, and close.

        1. an earlier request is being answered: let it end, hear nothing more
        2. this one's answer has begun: it can only be cut
        3. otherwise: the error, and time for the client to read it
        """
        if self.is_serving:
            is_own = self.progress.phase is Phase.BODY and self._serving is self.cycle
            if not is_own:  # 1
                self._is_deaf = True
                cast("RequestResponseCycle", self._serving).keep_alive = False
                self.pipeline.clear()
                return
            if self.cycle.response_started:  # 2
                self.cut()
                return
        self.transport.write(raw_response(error))  # 3
        self.linger()
        self._depart()

    def linger(self) -> None:
        """Stop sending, throw away what still comes, close soon: a reset would destroy an answer not yet read."""
        if self.transport.is_closing():
            return
        self.progress.enter(Phase.LINGER, self.loop.time())
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()


class _GentleClose:
    """The transport as a cycle that ends its connection sees it: closing waits for input that is still coming."""

    __slots__ = ("_link", "is_closing", "write")

    def __init__(self, link: EdgeProtocol) -> None:
        self._link = link
        self.write = link.transport.write
        self.is_closing = link.transport.is_closing

    def close(self) -> None:
        if self._link.progress.phase is Phase.BODY:
            self._link.linger()
        else:
            self._link.transport.close()


def protocol_class(guard: Guard) -> type[EdgeProtocol]:
    """Return the protocol for one server: uvicorn makes connections from a class, so the guard rides on it."""
    return type("GuardedProtocol", (EdgeProtocol,), {"guard": guard})


def server_config(app: Any, settings: Settings, *, guard: Guard | None = None) -> Config:
    """Return uvicorn's configuration for an ASGI app, with all that the edge relies on.

    No forwarded headers are believed (any local program could claim any address), no WebSocket, no log of addresses.
    """
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_class(Guard(settings.edge) if guard is None else guard),
        ws="none",
        interface="asgi3",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
