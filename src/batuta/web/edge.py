"""Decides, from a request's head alone, whether it passes and as whom. Every request of every route comes here first.

Knows nothing of bodies, sockets or what a route does. It costs a few microseconds: one walk over the headers, then
look-ups in sets made at start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from batuta.errors import BadRequest, BadSettings, BatutaError, Forbidden, PayloadTooLarge, UnsupportedMedia
from batuta.settings import Settings
from batuta.web.auth import ALLOWED_ORIGIN, ANYBODY, LOOPBACK, Auth, Identity, Scope, unauthorized
from batuta.web.errors import HeadTooLarge, MethodNotAllowed, Misdirected, NotFound
from batuta.web.table import Need, is_upload, need_for

AUTHORITY = "batuta.authority"  # scope extension: the host an absolute-form request line names
REQUEST_ID = "request_id"  # key in scope["state"]: what the caller called the request, if that is sane

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_READ: Final = frozenset({"GET", "HEAD"})
_LOOPBACK_NAMES: Final = (b"127.0.0.1", b"localhost", b"[::1]")
_WILDCARDS: Final = frozenset({"0.0.0.0", "::", ""})
_HOST: Final = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*?#@]+", re.ASCII)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}", re.ASCII)
_DOT_SEGMENTS: Final = frozenset({".", ".."})
_QUERY_KEYS: Final = frozenset(
    {b"key", b"api_key", b"api-key", b"apikey", b"access_token", b"token", b"authorization"}
    | {b"x-api-key", b"x-goog-api-key", b"auth", b"bearer"}
)
# Headers that decide something. Said twice, they could mean one thing here and another behind: refused.
_ONCE: Final = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"authorization", b"x-api-key"}
    | {b"x-goog-api-key", b"api-key", b"cookie", b"content-type", b"content-length", b"content-encoding"}
    | {b"transfer-encoding", b"x-request-id"}
)
_PROXY: Final = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"})
_WATCHED: Final = _ONCE | _PROXY
_FILE_TYPE: Final = b"application/octet-stream"  # which no form of another site can send
_FORM_TYPES: Final = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data"})


class Edge:
    """The checks, with everything they compare against worked out beforehand."""

    def __init__(self, settings: Settings, auth: Auth) -> None:
        self.auth = auth
        self._max_body = settings.edge.max_body
        self._max_header = settings.edge.max_header
        self._is_wildcard = settings.host in _WILDCARDS
        self._fears_proxies = settings.is_loopback
        self._names = _names(settings)
        port = b":%d" % settings.port
        # What nearly every request says, ready to be looked up; other spellings take the longer way.
        self._hosts = self._names | {name + port for name in self._names if b":" not in name or name[-1:] == b"]"}
        self.allowed_origins = frozenset(_checked(origin) for origin in settings.edge.allowed_origins)

    def check(self, scope: Mapping[str, Any]) -> Identity | BatutaError:
        """Return who is calling, or the error to answer with.

        1. header block: size, and nothing that decides said twice     400, 431
        2. Host                                                        400, 421
        3. method, path, query                                         400, 404, 405
        4. Origin and Sec-Fetch-*: is another site's page calling?     403
        5. body: declared size, framing, encoding, content type        400, 413, 415
        6. credential and scope                                        401, 403, 429
        """
        found: dict[bytes, bytes] = {}
        size = 0
        for name, value in scope["headers"]:  # 1
            size += len(name) + len(value) + 4
            if name in _WATCHED:
                if name in found and name in _ONCE:
                    return BadRequest(f"The header {name.decode()} is there twice; send it once.")
                found[name] = value
        if size > self._max_header:
            return HeadTooLarge(f"The headers take {size} bytes; at most {self._max_header} are accepted.")
        if (wrong := self._host(scope, found)) is not None:  # 2
            return wrong
        if (asked := found.get(b"x-request-id")) is not None and _REQUEST_ID.fullmatch(asked):
            scope["state"][REQUEST_ID] = asked.decode()
        path = scope["path"]
        need = need_for(path)
        return (
            _target(scope, path)  # 3
            or self._origin(scope, found, need)  # 4
            or self._body(scope, found, need)  # 5
            or self._caller(scope, found, need)  # 6
        )

    def cors_origin(self, scope: Mapping[str, Any]) -> bytes | None:
        """Return the Origin to allow in the response: exactly one of the listed, never `*`, never credentials."""
        for name, value in scope["headers"]:
            if name == b"origin":
                return value if value in self.allowed_origins else None
        return None

    def _host(self, scope: Mapping[str, Any], found: Mapping[bytes, bytes]) -> BatutaError | None:
        host = found.get(b"host")
        if host is None:
            return BadRequest("The request has no Host header.")
        if host not in self._hosts and (wrong := self._unusual_host(scope, host)) is not None:
            return wrong
        authority = (scope.get("extensions") or {}).get(AUTHORITY)
        if authority is not None and authority.lower() != host.lower():
            return _misdirected()
        return None

    def _unusual_host(self, scope: Mapping[str, Any], host: bytes) -> BatutaError | None:
        host = host.lower()
        if not (match := _HOST.fullmatch(host)) or (match[2] and not 0 < int(match[2]) < 65536):
            return BadRequest("The Host header is malformed.")
        # A page cannot make a browser say a loopback name to a server elsewhere, so the port is left open:
        # tunnels and containers map it. Origin is still compared with name and port.
        if match[1] in self._names or host in self._names:
            return None
        # Bound to every address: the one this connection came in by. An address, unlike a name, cannot be rebound.
        if self._is_wildcard and (server := scope.get("server")) and match[1] == _literal(server[0]):
            return None
        return _misdirected()

    def _origin(self, scope: Mapping[str, Any], found: Mapping[bytes, bytes], need: Need) -> BatutaError | None:
        site, origin = found.get(b"sec-fetch-site"), found.get(b"origin")
        if site is None and origin is None:  # not a browser, or one too old to send a form's Origin: see _body
            return None
        if origin in self.allowed_origins:
            return None
        # A page that sends no referrer posts forms with `Origin: null`; the browser's own word on the site settles it.
        is_unnamed = origin is None or (origin == b"null" and site == b"same-origin")
        if not is_unnamed and origin != scope["scheme"].encode() + b"://" + found[b"host"].lower():
            return Forbidden(
                "A page of another origin is calling. If that is meant, list its origin in edge.allowed_origins."
            )
        if site in {None, b"same-origin", b"none"}:
            return None
        # A link on another site may open a page of ours at the top of a tab; it may not reach anything else.
        is_visit = found.get(b"sec-fetch-mode") == b"navigate" and found.get(b"sec-fetch-dest") == b"document"
        if is_visit and need is Need.PAGE and scope["method"] in _READ:
            return None
        return Forbidden(
            "A page of another site is calling. If that is meant, list its origin in edge.allowed_origins."
        )

    def _body(self, scope: Mapping[str, Any], found: Mapping[bytes, bytes], need: Need) -> BatutaError | None:
        length, coding = found.get(b"content-length"), found.get(b"transfer-encoding")
        if length is not None:
            if not length.isdigit() or coding is not None:
                return BadRequest("The request does not say clearly where its body ends.")
            if len(length) > 15 or (int(length) > self._max_body and not is_upload(scope["path"])):
                return PayloadTooLarge(f"The body is larger than the {self._max_body} bytes that are accepted.")
        elif coding is None:
            return None
        elif coding.strip().lower() != b"chunked" or scope.get("http_version") == "1.0":
            return BadRequest("The only transfer coding accepted is `chunked`, in HTTP/1.1.")
        if found.get(b"content-encoding", b"identity") != b"identity":
            return UnsupportedMedia("Compressed bodies are not accepted; send the JSON as it is.")
        if length == b"0" or scope["method"] in _SAFE:
            return None
        return _media_type(found.get(b"content-type", b""), scope["path"], need)

    def _caller(self, scope: Mapping[str, Any], found: Mapping[bytes, bytes], need: Need) -> Identity | BatutaError:
        if need is Need.OPEN or scope["method"] == "OPTIONS":  # a preflight carries no credential and reaches no route
            return ANYBODY
        auth = self.auth
        is_proxied = self._fears_proxies and not _PROXY.isdisjoint(found)
        must_match = auth.demands_key or is_proxied  # who comes through a proxy is not at this machine
        client = scope.get("client")
        identity = auth.identify(found, address=client[0] if client else "", must_match=must_match)
        if isinstance(identity, BatutaError):
            return identity
        if identity is None:
            if must_match:
                return unauthorized()
            if found.get(b"origin") in self.allowed_origins:
                identity = ALLOWED_ORIGIN
            elif need is Need.PAGE and scope["method"] == "GET" and found.get(b"sec-fetch-mode") == b"navigate":
                return Identity(
                    LOOPBACK.scopes, LOOPBACK.who, LOOPBACK.via, auth.open_session(LOOPBACK, is_https=_is_https(scope))
                )
            else:
                identity = LOOPBACK
        wanted = Scope.INFERENCE if need is Need.INFERENCE else Scope.ADMIN
        if wanted not in identity.scopes:
            return Forbidden(f"This key may not be used here: it lacks the scope `{wanted}`.")
        return identity


def _target(scope: Mapping[str, Any], path: str) -> BatutaError | None:
    if scope["method"] not in METHODS:
        return MethodNotAllowed("This method is not answered here.", allow=METHODS)
    # Control characters, line separators and bidirectional marks are what `isprintable` refuses.
    if not path.isprintable() or "\ufffd" in path or not path.startswith("/"):
        return BadRequest("The path holds characters that no address has.")
    if "\\" in path or ("/." in path and not _DOT_SEGMENTS.isdisjoint(path.split("/"))):
        return NotFound("There is nothing at this path.")
    return _query_key(query) if (query := scope.get("query_string")) else None


def _query_key(query: bytes) -> BatutaError | None:
    for pair in query.split(b"&"):
        if unquote_to_bytes(pair.partition(b"=")[0]).strip().lower() in _QUERY_KEYS:
            return BadRequest(
                "A key in the address ends up in logs and histories. Send it in a header: `Authorization: Bearer KEY`."
            )
    return None


def _media_type(value: bytes, path: str, need: Need) -> BatutaError | None:
    """Refuse what a form of another site could send: a JSON route takes JSON that says it is JSON."""
    kind = value.partition(b";")[0].strip().lower()
    if is_upload(path):
        return None if kind == _FILE_TYPE else UnsupportedMedia(f"{path} takes a file, as {_FILE_TYPE.decode()}.")
    if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
        return None
    if need in {Need.PAGE, Need.OPEN} and kind in _FORM_TYPES:
        return None
    return UnsupportedMedia(
        f"{path} takes JSON. Send the header `Content-Type: application/json` (curl: -H 'content-type: "
        "application/json')."
    )


def _names(settings: Settings) -> frozenset[bytes]:
    names = {*_LOOPBACK_NAMES, *(_literal(host) for host in settings.edge.allowed_hosts)}
    if settings.host not in _WILDCARDS:
        names.add(_literal(settings.host))
    return frozenset(names)


def _literal(host: str) -> bytes:
    """Return a host as a Host header writes it: lower case, an IPv6 address in brackets."""
    host = host.strip().lower()
    is_bare_ipv6 = host.count(":") > 1 and not host.startswith("[")
    return f"[{host}]".encode() if is_bare_ipv6 else host.encode("idna" if not host.isascii() else "ascii")


def _checked(origin: str) -> bytes:
    if not _ORIGIN.fullmatch(origin):
        raise BadSettings(
            f"edge.allowed_origins: {origin!r} is not an origin; write it as a browser sends it, like "
            "http://localhost:3000 (no path, no *, not null)."
        )
    return origin.encode()


def _is_https(scope: Mapping[str, Any]) -> bool:
    return bool(scope["scheme"] == "https")


def _misdirected() -> Misdirected:
    return Misdirected(
        "The Host header names another server. If this one is meant, list that name in edge.allowed_hosts."
    )
