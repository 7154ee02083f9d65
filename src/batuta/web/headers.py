"""The response headers that protect a browser, and those that let a listed origin in. Tables only."""

from __future__ import annotations

from typing import Final

Headers = list[tuple[bytes, bytes]]

_POLICY: Final = (
    b"default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)
SECURITY: Final[Headers] = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
# A page without a referrer posts its form with `Origin: null`, and a browser on plain http from another machine says
# nothing else about itself: the form's own page has to tell its origin to its own server.
FORM_REFERRER: Final = (b"referrer-policy", b"same-origin")
_CORS: Final[Headers] = [
    (b"vary", b"origin"),
    (b"access-control-allow-methods", b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-goog-api-key, api-key, x-request-id"),
    (b"access-control-expose-headers", b"x-request-id, x-batuta-model, x-batuta-route, x-batuta-fallback, retry-after"),
    (b"access-control-max-age", b"600"),
]


def cors(origin: bytes) -> Headers:
    """Return what lets pages of one listed origin read an answer. Never `*`, never with credentials."""
    return [(b"access-control-allow-origin", origin), *_CORS]


def completed(headers: Headers, defaults: Headers) -> Headers:
    """Return `headers` with those of `defaults` that are not there yet: a page's own, stricter word stands."""
    present = {name.lower() for name, _ in headers}
    return headers + [header for header in defaults if header[0] not in present]
