"""The door of the process: every request is judged by the edge, goes to a raw route or to the app, and ends well.

One of the three places where any exception is caught. Knows nothing of what routes do.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any

from batuta.errors import BatutaError, Unauthorized
from batuta.web.auth import Identity
from batuta.web.disconnect import HOOK, ClientGone, Receive, read_body
from batuta.web.edge import METHODS, REQUEST_ID, Edge
from batuta.web.errors import MethodNotAllowed, bug_error, error_response
from batuta.web.headers import SECURITY, Headers, completed, cors
from batuta.web.session import Send, SignIn
from batuta.web.table import SIGN_IN, Need, need_for

log = logging.getLogger("batuta.web")

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
RawRoute = Callable[[Scope, Receive, Send, Identity], Coroutine[Any, Any, None]]

MAX_FORM = 64 * 1024  # bytes; what is beyond inference are forms, and each of their wrong fields costs the loop time
_UNTRUSTED = frozenset({400, 421})  # who sends such a head is not listened to any further on that connection
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Dispatcher:
    """A plain ASGI app: the edge in front, raw routes by exact method and path, everything else to `app`.

    Args:
        edge: judges each request.
        raw: (method, path) -> handler, for the hot path. `/session` is added.
        app: answers the rest; its lifespan is the process's.
        sign_in: the form shown where a page is asked for without a session.
    """

    def __init__(
        self, edge: Edge, raw: Mapping[tuple[str, str], RawRoute], app: ASGIApp, *, sign_in: SignIn | None = None
    ) -> None:
        self.edge = edge
        self.app = app
        self._sign_in = sign_in or SignIn(edge.auth)
        self.raw: dict[tuple[str, str], RawRoute] = {
            ("GET", SIGN_IN): self._sign_in.show,
            ("POST", SIGN_IN): self._sign_in.sign_in,
            ("DELETE", SIGN_IN): self._sign_in.sign_out,
            **raw,
        }
        self._methods = _methods_by_path(self.raw)
        self._prefix = f"req-{secrets.token_hex(4)}-"  # tells two runs of the process apart in one log
        self._numbers = itertools.count(1)
        self._running: dict[str, set[_Revocable]] = {}
        edge.auth.on_revoked(self._cut_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the lifespan on."""
        kind = scope["type"]
        if kind == "http":
            await self._answer(scope, receive, send)
        elif kind == "lifespan":
            await self.app(scope, receive, send)
        else:  # no route speaks WebSocket: refused before it is accepted
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        verdict = self.edge.check(scope)
        request_id = state.get(REQUEST_ID)
        if request_id is None:
            request_id = state[REQUEST_ID] = f"{self._prefix}{next(self._numbers):x}"
        out = _Outgoing(send, [(b"x-request-id", request_id.encode())])
        if self.edge.allowed_origins and (origin := self.edge.cors_origin(scope)) is not None:
            out.extra += cors(origin)
        try:
            if isinstance(verdict, Identity):
                state["identity"] = verdict
                if verdict.is_revocable:
                    await self._serve_revocable(scope, receive, out, verdict)
                else:
                    await self._route(scope, receive, out, verdict)
            else:
                await self._refuse(scope, out, verdict)
        except ClientGone:
            pass
        except asyncio.CancelledError:  # the server stops: this task has nobody above it who would want to know
            if (departure := (scope.get("extensions") or {}).get(HOOK)) is None:
                raise
            departure.cut()
        except BatutaError as error:
            if error.status >= 500:
                log.warning("request %s failed: %s", request_id, error.code)
            await self._fail(scope, out, error)
        except Exception:  # door 1 of 3: a request
            log.exception("request %s ended with an unexpected error", request_id)
            await self._fail(scope, out, bug_error(request_id))

    async def _route(self, scope: Scope, receive: Receive, out: _Outgoing, identity: Identity) -> None:
        method, path = scope["method"], scope["path"]
        if (handler := self.raw.get((method, path))) is not None:
            await handler(scope, receive, out, identity)
            return
        known = self._methods.get(path)
        if method == "OPTIONS":
            await _empty(out, 204, [(b"allow", ", ".join(known or sorted(METHODS)).encode())])
        elif known is None:
            await self._to_app(scope, receive, out, identity)
        elif method == "HEAD" and "GET" in known:
            out.drop_body()
            await self.raw["GET", path](*_as_get(scope, out), out, identity)
        else:
            raise MethodNotAllowed(f"{path} does not answer {method}.", allow=known)

    async def _to_app(self, scope: Scope, receive: Receive, out: _Outgoing, identity: Identity) -> None:
        out.fill_in = SECURITY
        if identity.set_cookie is not None:
            out.extra.append((b"set-cookie", identity.set_cookie))
        if scope["method"] == "HEAD":
            out.drop_body()
            scope, receive = _as_get(scope, out)
        elif scope["method"] not in _BODILESS:
            receive = _again(await read_body(receive, MAX_FORM), receive)
        await self.app(scope, receive, out)

    async def _refuse(self, scope: Scope, out: _Outgoing, error: BatutaError) -> None:
        is_page = scope["method"] == "GET" and need_for(scope["path"]) is Need.PAGE
        if is_page and isinstance(error, Unauthorized) and _wants_html(scope):
            await self._sign_in.demand(scope, out)
            return
        if error.status in _UNTRUSTED:
            out.extra.append((b"connection", b"close"))
        await self._fail(scope, out, error)

    async def _fail(self, scope: Scope, out: _Outgoing, error: BatutaError) -> None:
        """Answer with the error; once an answer has begun, cutting it is the only honest end left."""
        if not out.has_started:
            status, headers, body = error_response(error)
            await _start(out, status, headers)
            await out({"type": "http.response.body", "body": body})
        elif not out.has_ended and (departure := (scope.get("extensions") or {}).get(HOOK)) is not None:
            departure.cut()

    async def _serve_revocable(self, scope: Scope, receive: Receive, out: _Outgoing, identity: Identity) -> None:
        """Serve a request whose key or session can be taken away; then it is cut, whatever it is doing."""
        task = asyncio.current_task()
        assert task is not None
        entry = _Revocable(task, (scope.get("extensions") or {}).get(HOOK))
        running = self._running.setdefault(identity.who, set())
        running.add(entry)
        try:
            await self._route(scope, receive, out, identity)
        except asyncio.CancelledError:
            if not entry.is_cut or task.uncancel():
                raise
        finally:
            running.discard(entry)
            if not running:
                self._running.pop(identity.who, None)

    def _cut_all(self, who: str) -> None:
        for entry in tuple(self._running.get(who, ())):
            entry.cut()

    def __repr__(self) -> str:
        return f"<Dispatcher {len(self.raw)} raw routes, {sum(map(len, self._running.values()))} revocable running>"


class _Revocable:
    """A running request of a key or session."""

    __slots__ = ("_departure", "_task", "is_cut")

    def __init__(self, task: asyncio.Task[Any], departure: Any) -> None:
        self._task = task
        self._departure = departure
        self.is_cut = False

    def cut(self) -> None:
        if not self.is_cut:
            self.is_cut = True
            if self._departure is not None:
                self._departure.cut()
            self._task.cancel("the key or session was revoked")


class _Outgoing:
    """`send`, with the headers every response carries. Not a coroutine of its own: a chunk costs one call more."""

    __slots__ = ("_drops_body", "_send", "extra", "fill_in", "has_ended", "has_started", "started")

    def __init__(self, send: Send, extra: Headers) -> None:
        self._send = send
        self._drops_body = False
        self.extra = extra
        self.fill_in: Headers | None = None
        self.has_started = False
        self.has_ended = False
        self.started: asyncio.Event | None = None

    def drop_body(self) -> None:
        """Answer a HEAD: the head of a GET's answer and nothing else."""
        self._drops_body = True
        self.started = asyncio.Event()

    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.has_started = True
            headers = [*message.get("headers", ()), *self.extra]
            if self.fill_in is not None:
                headers = completed(headers, self.fill_in)
            message = {**message, "headers": headers}
            if self._drops_body:
                return self._only_head(message)
        elif self._drops_body:
            return _nothing()
        elif not message.get("more_body"):
            self.has_ended = True
        return self._send(message)

    async def _only_head(self, message: MutableMapping[str, Any]) -> None:
        await self._send(message)
        await self._send({"type": "http.response.body", "body": b""})
        self.has_ended = True
        if self.started is not None:
            self.started.set()


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out a body that has been read, and goes on with `receive` after it."""
    is_told = False

    async def first_the_body() -> MutableMapping[str, Any]:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_the_body


async def _nothing() -> None:
    return


def _as_get(scope: Scope, out: _Outgoing) -> tuple[Scope, Receive]:
    """Return scope and receive of the GET that a HEAD stands for; the client seems to leave once the head is sent."""
    has_been_asked = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal has_been_asked
        if not has_been_asked:
            has_been_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if out.started is not None:
            await out.started.wait()
        return {"type": "http.disconnect"}

    return {**scope, "method": "GET", "extensions": {}}, receive


def _methods_by_path(raw: Mapping[tuple[str, str], RawRoute]) -> dict[str, tuple[str, ...]]:
    methods: dict[str, set[str]] = {}
    for method, path in raw:
        methods.setdefault(path, {"OPTIONS"}).update({method, "HEAD"} if method == "GET" else {method})
    return {path: tuple(sorted(known)) for path, known in methods.items()}


def _wants_html(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


async def _start(out: _Outgoing, status: int, headers: Headers) -> None:
    await out({"type": "http.response.start", "status": status, "headers": headers})


async def _empty(out: _Outgoing, status: int, headers: Headers) -> None:
    await _start(out, status, headers)
    await out({"type": "http.response.body", "body": b""})
