"""The attacks of a web page and of DNS rebinding, as data, and a player that tries them on every route of an app.

Reusable: give `hosts_that_pass` and the others any dispatcher; they return what got through, so an empty list is the
promise kept. Nothing here that is let in reaches a route: only refusals are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from batuta.web.dispatch import Dispatcher
from batuta.web.edge import AUTHORITY
from batuta.web.table import SIGN_IN, Need, all_routes, concrete, need_for

PORT = 22888
OWN_HOST = f"127.0.0.1:{PORT}".encode()
OWN_ORIGIN = b"http://" + OWN_HOST
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
Header = tuple[bytes, bytes]
Headers = list[Header]

# name -> (headers, the authority of an absolute-form target)
EVIL_HOSTS: Mapping[str, tuple[Headers, bytes | None]] = {
    "another name": ([(b"host", b"evil.example")], None),
    "another name with our port": ([(b"host", b"evil.example:22888")], None),
    "localhost as a label": ([(b"host", b"localhost.evil.example")], None),
    "loopback as a label": ([(b"host", b"127.0.0.1.nip.io")], None),
    "a label before localhost": ([(b"host", b"evil.localhost:22888")], None),
    "all interfaces": ([(b"host", b"0.0.0.0:22888")], None),
    "all interfaces, IPv6": ([(b"host", b"[::]:22888")], None),
    "a dot at the end": ([(b"host", b"localhost.:22888")], None),
    "decimal address": ([(b"host", b"2130706433:22888")], None),
    "hexadecimal address": ([(b"host", b"0x7f000001")], None),
    "short address": ([(b"host", b"127.1:22888")], None),
    "mapped address": ([(b"host", b"[::ffff:127.0.0.1]:22888")], None),
    "user before host": ([(b"host", b"localhost:22888@evil.example")], None),
    "two in one": ([(b"host", b"localhost, evil.example")], None),
    "two headers": ([(b"host", OWN_HOST), (b"host", b"evil.example")], None),
    "two headers, ours last": ([(b"host", b"evil.example"), (b"host", OWN_HOST)], None),
    "none": ([], None),
    "empty": ([(b"host", b"")], None),
    "port of letters": ([(b"host", b"localhost:x")], None),
    "port too large": ([(b"host", b"localhost:65536")], None),
    "absolute form, another name": ([(b"host", OWN_HOST)], b"evil.example"),
    "absolute form, Host another name": ([(b"host", b"evil.example")], OWN_HOST),
}

_CHROME = (b"user-agent", b"Mozilla/5.0 Chrome/150.0")
_FIREFOX = (b"user-agent", b"Mozilla/5.0 Firefox/155.0")
_SAFARI = (b"user-agent", b"Mozilla/5.0 Version/19.0 Safari/605.1.15")
_EVIL = (b"origin", b"https://evil.example")


def _fetch(site: bytes, mode: bytes, dest: bytes = b"empty") -> Headers:
    return [(b"sec-fetch-site", site), (b"sec-fetch-mode", mode), (b"sec-fetch-dest", dest)]


# What browsers send for a page of another origin that reaches for us. Each is refused, whatever the method.
FOREIGN_PAGES: Mapping[str, Headers] = {
    "Chrome, fetch with CORS": [_CHROME, _EVIL, *_fetch(b"cross-site", b"cors")],
    "Chrome, fetch without CORS": [_CHROME, _EVIL, *_fetch(b"cross-site", b"no-cors")],
    "Chrome, an image": [_CHROME, *_fetch(b"cross-site", b"no-cors", b"image")],
    "Chrome, a frame": [_CHROME, *_fetch(b"cross-site", b"navigate", b"iframe")],
    "Chrome, a form": [_CHROME, _EVIL, *_fetch(b"cross-site", b"navigate", b"document")],
    "Chrome, a sandboxed frame": [_CHROME, (b"origin", b"null"), *_fetch(b"cross-site", b"cors")],
    "Firefox, another port of this machine": [
        _FIREFOX,
        (b"origin", b"http://127.0.0.1:3000"),
        *_fetch(b"same-site", b"cors"),
    ],
    "Firefox, a no-referrer form": [_FIREFOX, (b"origin", b"null"), *_fetch(b"cross-site", b"navigate", b"document")],
    "Firefox, an event stream": [_FIREFOX, _EVIL, *_fetch(b"cross-site", b"cors")],
    "Safari before Sec-Fetch, fetch": [_SAFARI, _EVIL],
    "Safari before Sec-Fetch, opaque": [_SAFARI, (b"origin", b"null")],
    "Safari, https of our own name": [_SAFARI, (b"origin", b"https://" + OWN_HOST)],
    "Safari, our name without port": [_SAFARI, (b"origin", b"http://127.0.0.1")],
    "Safari, the other loopback name": [_SAFARI, (b"origin", b"http://localhost:22888")],
    "an extension": [_CHROME, (b"origin", b"chrome-extension://abcdef"), *_fetch(b"none", b"cors")],
    "an unknown word": [_CHROME, *_fetch(b"sideways", b"cors")],
}
# What a form can send without asking first. A JSON route takes none of them.
FORM_TYPES = (
    b"text/plain",
    b"text/plain;charset=UTF-8",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"text/plain; application/json",
    b"",
)


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return next((value for found, value in self.headers if found == name.encode()), None)


def scope_of(
    method: str, path: str, headers: Iterable[Header], *, authority: bytes | None = None, query: bytes = b""
) -> dict[str, Any]:
    """Return an HTTP scope as the server would make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", PORT),
        "extensions": {AUTHORITY: authority} if authority is not None else {},
        "state": {},
    }


async def ask(dispatcher: Dispatcher, scope: dict[str, Any], body: bytes = b"") -> Answer:
    """Send one request through the dispatcher and return its whole answer."""
    answer = Answer()
    is_asked = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal is_asked
        if is_asked:
            return {"type": "http.disconnect"}
        is_asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert not answer.status
            answer.status, answer.headers = message["status"], tuple(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await dispatcher(scope, receive, send)
    return answer


def every_address(dispatcher: Dispatcher) -> list[str]:
    """Return the path of every route, parameters filled in, and one that no route has."""
    return [*dict.fromkeys(concrete(path) for _, path in all_routes(dispatcher)), "/no/such/page"]


async def hosts_that_pass(dispatcher: Dispatcher) -> list[str]:
    """Try every route x method x evil Host; return what was not answered with 400 or 421."""
    passed = []
    for path in every_address(dispatcher):
        for method in METHODS:
            for name, (headers, authority) in EVIL_HOSTS.items():
                answer = await ask(dispatcher, scope_of(method, path, headers, authority=authority))
                if answer.status not in {400, 421}:
                    passed.append(f"{method} {path} with Host {name}: {answer.status}")
    return passed


async def pages_that_pass(dispatcher: Dispatcher) -> list[str]:
    """Try every route x method x foreign page; return what was not refused, or was let read the answer."""
    passed = []
    for path in every_address(dispatcher):
        for method in METHODS:
            for name, headers in FOREIGN_PAGES.items():
                if _is_visit(method, path, headers):
                    continue
                answer = await ask(dispatcher, scope_of(method, path, [(b"host", OWN_HOST), *headers]))
                if answer.status != (405 if method == "TRACE" else 403):
                    passed.append(f"{method} {path} from {name}: {answer.status}")
                if answer.header("access-control-allow-origin") is not None:
                    passed.append(f"{method} {path} from {name}: may be read")
    return passed


def _is_visit(method: str, path: str, headers: Headers) -> bool:
    """Say whether this is a link being followed to a page of ours, which is fine."""
    has_origin = any(name == b"origin" for name, _ in headers)
    at_top = (b"sec-fetch-mode", b"navigate") in headers and (b"sec-fetch-dest", b"document") in headers
    return method in {"GET", "HEAD"} and at_top and not has_origin and need_for(path) is Need.PAGE


async def forms_that_pass(dispatcher: Dispatcher) -> list[str]:
    """Try a form's content types on every JSON route, as a browser that sends no Origin would; return what passed."""
    passed = []
    for path in every_address(dispatcher):
        if need_for(path) not in {Need.INFERENCE, Need.ADMIN}:
            continue
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for kind in FORM_TYPES:
                headers = [(b"host", OWN_HOST), (b"content-type", kind), (b"content-length", b"2")]
                answer = await ask(dispatcher, scope_of(method, path, headers), b"{}")
                if answer.status != 415:
                    passed.append(f"{method} {path} with {kind!r}: {answer.status}")
    return passed


async def strangers_that_pass(dispatcher: Dispatcher) -> list[str]:
    """Where a key is demanded: try every route without one and with a wrong one in each carrier; return what passed.

    The wrong keys are spread over addresses, so that the slow-down is not what answers.
    """
    passed = []
    wrong: Mapping[str, Headers] = {
        "nothing": [],
        "Bearer": [(b"authorization", b"Bearer sk-test-not-a-key")],
        "Basic": [(b"authorization", b"Basic dTpzay10ZXN0LW5vdC1hLWtleQ==")],
        "x-api-key": [(b"x-api-key", b"sk-test-not-a-key")],
        "x-goog-api-key": [(b"x-goog-api-key", b"sk-test-not-a-key")],
        "api-key": [(b"api-key", b"sk-test-not-a-key")],
        "cookie": [(b"cookie", b"batuta_session=not-a-session")],
    }
    number = 0
    for method, path in all_routes(dispatcher):
        place = concrete(path)
        if need_for(place) is Need.OPEN or place == SIGN_IN:
            continue
        for name, headers in wrong.items():
            number += 1
            scope = scope_of(method, place, [(b"host", OWN_HOST), *headers])
            scope["client"] = (f"10.0.{number // 256 % 256}.{number % 256}", 50000)
            answer = await ask(dispatcher, scope)
            if answer.status != 401:
                passed.append(f"{method} {place} with {name}: {answer.status}")
    return passed
