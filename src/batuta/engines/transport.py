"""The one way out to a backend: deadlines, caps, keys bound to where they are sent. Knows no dialect.

Plaintext to this machine goes through engines/loopback.py; everything else through one aiohttp session with one TLS
context. Both give the same reply and the same errors. Redirects are never followed: they would take a key elsewhere.

A POST that may have reached the backend is never sent a second time. Kept connections that the backend has closed are
found out before anything is written; where it closes in that very moment, the caller is told that it hung up.

What may be reached at all is `engines/reach.py`'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import orjson

from batuta.engines.decoding import Pieces, Reply, decoded
from batuta.engines.faults import Seen, classify, fault, from_exception
from batuta.engines.loopback import LoopbackClient
from batuta.engines.loopback_wire import LIMITS, Limits
from batuta.engines.reach import OffLimits, Reach
from batuta.errors import BadRequest, BatutaError, ProviderError
from batuta.vault.secret import Secret

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

ERROR_BODY_S: Final = 5.0  # what an error says is worth waiting for, briefly
MAX_ERROR_BODY: Final = 64 * 1024
_NOT_IN_HEADER = re.compile(r"[\r\n\0]|[^\x00-\xff]")
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]")
Lookup = Callable[[str, int, socket.AddressFamily], Awaitable[Sequence[tuple[socket.AddressFamily, str]]]]
"""Resolves a name: host, port and family -> family and address of each. Raises OSError."""

_PLAIN = "accept-encoding: identity\r\nuser-agent: batuta\r\n"


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request to a backend.

    Attributes:
        method: GET, POST, ...
        url: where, in full.
        headers: what to send besides host, content-length, accept-encoding and authorization.
        body: bytes of the body, or None.
        deadline: the loop's seconds at which the wait for the answer's head ends.
        idle_s: seconds of silence after which a body that has begun counts as dead.
        key: sent as `Authorization: Bearer`, with this request and no other.
        key_header: name of the header that carries the bare key instead (`x-api-key`); empty: Authorization.
        name: what messages call the backend; empty: by its host and port.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None
    deadline: float = 0.0
    idle_s: float = 60.0
    key: Secret | None = None
    name: str = ""
    key_header: str = ""


class Transport:
    """Sends requests. One a process; made inside the running loop or before it.

    Args:
        limits: what a backend may take and send.
        is_direct: use the loopback client where it can serve; False sends everything through aiohttp.
        prepare: called once in a thread, before the first call that leaves this machine; gives its TLS context.
        reach: what may be reached; None: everything but what nobody may.
        lookup: resolves names; None: as this machine does.
    """

    def __init__(
        self,
        limits: Limits = LIMITS,
        *,
        is_direct: bool = True,
        prepare: Callable[[], ssl.SSLContext] | None = None,
        reach: Reach | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self.limits = limits
        self.reach = reach or Reach()
        self._lookup = lookup or _getaddrinfo
        self._prepare = prepare or _prepare
        self._loopback = LoopbackClient(limits)
        self._is_direct = is_direct
        self._remote: _Remote | None = None
        self._opening = asyncio.Lock()
        self._places: dict[str, tuple[str, int] | None] = {}
        self._looked_at = self.reach.state

    async def send(self, request: UpstreamRequest) -> Reply:
        """Send, and return once the head of the answer is there, whatever its status.

        Raises:
            UpstreamUnreachable: refused, no such host, TLS failure.
            UpstreamTimeout: no connection or no head in time.
            UpstreamFailed: hung up, or answered something that is not HTTP.
            LocalOnly: it would leave this machine, and nothing may.
        """
        scheme, _, rest = request.url.partition("://")
        authority, slash, target = rest.partition("/")
        if self.reach.is_confined:
            self.reach.confine(scheme, authority)
        place = self._place(scheme, authority)
        reply: Reply
        if place is not None:
            head = _head(request, authority, slash + target)
            reply = await self._loopback.send(
                place,
                head,
                request.body or b"",
                deadline=request.deadline,
                idle_s=request.idle_s,
                name=request.name,
            )
        else:
            remote = self._remote
            if remote is None:
                remote, request = await self._open_remote(request)
            reply = await remote.send(request)
        if reply.encoding and reply.encoding != "identity":
            return await decoded(reply, where=request.name or authority, limits=self.limits)
        return reply

    async def get_json(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float,
        key: Secret | None = None,
        key_header: str = "",
    ) -> Any:
        """Return the JSON at a URL. Raises typed errors for everything that is not a 200 with JSON."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        reply = await self.send(UpstreamRequest("GET", url, headers, None, deadline, timeout_s, key, "", key_header))
        where = urlsplit(url).netloc
        if reply.status != 200:
            hide = key.reveal() if key else ""
            raise classify(reply.status, await error_text(reply), headers=reply.headers, where=where, hide=hide)
        body = await reply.read()
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            seen = Seen.EMPTY if not body else Seen.HTML if body.lstrip().startswith(b"<") else Seen.NO_ANSWER
            raise fault(seen, where=where) from None

    async def aclose(self) -> None:
        """Cut all connections."""
        self._loopback.close()
        remote, self._remote = self._remote, None
        if remote is not None:
            await remote.aclose()

    def _place(self, scheme: str, authority: str) -> tuple[str, int] | None:
        """Return host and port for the loopback client, or None when the address is not one of its own.

        Each origin is looked at once, and again when providers have changed. Raises UpstreamUnreachable for one that is
        off limits.
        """
        key = f"{scheme}://{authority}"
        if self._looked_at != self.reach.state:
            self._looked_at = self.reach.state
            self._places.clear()
        try:
            return self._places[key]
        except KeyError:
            self.reach.check(scheme, authority)
            place = self._places[key] = loopback_place(key) if self._is_direct else None
            return place

    async def _open_remote(self, request: UpstreamRequest) -> tuple[_Remote, UpstreamRequest]:
        """Open the way to other machines; return it, and the request with the time that took added to its deadline."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._opening:
            if self._remote is None:
                # Importing the client and reading the certificates take a quarter of a second, on a busy machine
                # seconds: not on the loop, and not out of the time that the backend has to answer.
                context = await asyncio.to_thread(self._prepare)
                self._remote = _Remote(context, self.limits, _Resolver(self.reach, self._lookup))
            remote = self._remote
        return remote, replace(request, deadline=request.deadline + loop.time() - started)


def loopback_place(url: str) -> tuple[str, int] | None:
    """Return host and port if a URL is plaintext to this machine by its very text, else None."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or "@" in parts.netloc:
        return None
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    return (host, parts.port or 80) if is_here else None


async def error_text(reply: Reply) -> bytes:
    """Return the start of an error's body, waiting briefly for it, and let the reply go."""
    parts: list[bytes] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ERROR_BODY_S):
            await _collect(reply, parts)
    await reply.aclose()
    return b"".join(parts)


async def _collect(reply: Reply, parts: list[bytes]) -> None:
    size = 0
    with contextlib.suppress(ProviderError):  # a broken error body is still an error
        async for chunk in reply.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_ERROR_BODY:
                return


def _headers(request: UpstreamRequest) -> dict[str, str]:
    headers = dict(request.headers)
    if request.key:
        if request.key_header:
            headers[request.key_header] = request.key.reveal()
        else:
            headers["authorization"] = f"Bearer {request.key.reveal()}"
    for name, value in headers.items():
        if _NOT_IN_HEADER.search(value) or _NOT_IN_HEADER.search(name):
            raise BadRequest(f"The header {name!r} has characters that HTTP does not allow.")
    if _NOT_IN_URL.search(request.url):
        raise BadRequest(f"The address {request.url!r} has characters that a URL does not allow.")
    return headers


def _head(request: UpstreamRequest, authority: str, target: str) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in _headers(request).items()])
    length = f"content-length: {len(request.body)}\r\n" if request.body is not None else ""
    text = f"{request.method} {target or '/'} HTTP/1.1\r\nhost: {authority}\r\n{_PLAIN}{lines}{length}\r\n"
    return text.encode("latin-1")


# --- the general client --------------------------------------------------------------------------------------------


def _prepare() -> ssl.SSLContext:
    import aiohttp  # noqa: F401  # a quarter of a second, paid by the first call that leaves this machine

    return ssl.create_default_context()


async def _getaddrinfo(
    host: str, port: int, family: socket.AddressFamily
) -> Sequence[tuple[socket.AddressFamily, str]]:
    """Resolve a name as this machine does: hosts file, name servers, whatever it is set up with."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [(each, str(address[0])) for each, _, _, _, address in found]


class _Resolver:
    """aiohttp's resolver, behind the gate: it connects to the addresses that were looked at, and to no other."""

    def __init__(self, reach: Reach, lookup: Lookup) -> None:
        self._reach = reach
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[dict[str, Any]]:
        """Return the addresses of a name that may be connected to. Raises OSError."""
        found = await self._lookup(host, port, family)
        admitted = set(self._reach.admitted(host, port, [address for _, address in found]))
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": each,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for each, address in found
            if address in admitted
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Remote:
    """One aiohttp session."""

    def __init__(self, context: ssl.SSLContext, limits: Limits, resolver: _Resolver) -> None:
        import aiohttp

        self._limits = limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context,
                limit=0,
                limit_per_host=limits.connections,
                resolver=cast("AbstractResolver", resolver),
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity", "user-agent": "batuta"},
            auto_decompress=False,
            trust_env=False,
        )

    async def send(self, request: UpstreamRequest) -> _RemoteReply:
        headers = _headers(request)
        where = request.name or urlsplit(request.url).netloc
        for is_last in (False, True):  # what may be done twice, aiohttp itself sends again
            try:
                async with asyncio.timeout_at(request.deadline):
                    response = await self._session.request(
                        request.method,
                        request.url,
                        headers=headers,
                        data=request.body,
                        allow_redirects=False,
                    )
            except (OSError, _client_error(), ValueError) as error:
                if not is_last and was_not_written(error):
                    continue
                raise self._fault(_seen(error), error, where) from None
            return _RemoteReply(response, where, request.idle_s, self._limits)
        raise AssertionError("unreachable: the second round returns or raises")

    @staticmethod
    def _fault(seen: Seen | None, error: BaseException, where: str) -> BatutaError:
        if isinstance(why := getattr(error, "os_error", None), OffLimits):
            return fault(Seen.FORBIDDEN_ADDRESS, where=where, said=str(why))
        return (
            from_exception(getattr(error, "os_error", error), where=where) if seen is None else fault(seen, where=where)
        )

    async def aclose(self) -> None:
        await self._session.close()


def was_not_written(error: BaseException) -> bool:
    """Whether an exception of aiohttp's says that the connection was closed before the request was written to it."""
    import aiohttp

    return isinstance(error.__cause__ or error, aiohttp.ClientConnectionResetError)


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _seen(error: BaseException) -> Seen | None:
    """Return the row for an exception of aiohttp's; None where the operating system's own says it."""
    import aiohttp

    rows: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Seen | None], ...] = (
        (aiohttp.ConnectionTimeoutError, Seen.CONNECT_TIMEOUT),
        (TimeoutError, Seen.SILENT),
        (aiohttp.ClientConnectorDNSError, Seen.NO_SUCH_HOST),
        ((aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError), Seen.TLS),
        (aiohttp.ClientConnectorError, None),
        ((aiohttp.ServerDisconnectedError, ConnectionError, aiohttp.ClientOSError), Seen.HUNG_UP),
        ((aiohttp.InvalidURL, OSError), None),
    )
    return next((seen for kinds, seen in rows if isinstance(error, kinds)), Seen.NOT_HTTP)


class _RemoteReply:
    """An answer through aiohttp."""

    def __init__(self, response: aiohttp.ClientResponse, where: str, idle_s: float, limits: Limits) -> None:
        self.status = response.status
        self.content_type = response.headers.get("content-type", "")
        self.encoding = response.headers.get("content-encoding", "").lower()
        self._response = response
        self._where = where
        self._idle_s = idle_s
        self._limits = limits
        self._received = 0
        self._end = asyncio.get_running_loop().time() + limits.stream_s

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def read(self) -> bytes:
        return b"".join([data async for data in Pieces(lambda: self._next(self._limits.body, Seen.TRUNCATED))])

    def chunks(self) -> AsyncIterator[bytes]:
        return Pieces(lambda: self._next(self._limits.stream, Seen.CUT_STREAM))

    async def _next(self, cap: int, hung_up: Seen) -> bytes:
        content = self._response.content
        try:
            async with asyncio.timeout(self._idle_s):
                while not (data := await content.readany()):
                    if content.at_eof():
                        return b""
        except TimeoutError:
            seen = Seen.STALLED
        except (OSError, _client_error()):
            seen = hung_up
        except asyncio.CancelledError:
            self._response.close()
            raise
        else:
            self._received += len(data)
            if self._received <= cap and asyncio.get_running_loop().time() < self._end:
                return data
            seen = Seen.TOO_LARGE
        self._response.close()
        raise fault(seen, where=self._where)

    async def aclose(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
