"""Errors that only HTTP knows, and the form in which every error leaves. Knows nothing of routes or keys."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from batuta.chat.dialects.openai import error_body
from batuta.errors import BadRequest, BatutaBug, BatutaError, CallerError, HostError
from batuta.web.headers import Headers

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("batuta.web")
_NOT_KEPT = (b"cache-control", b"no-store")  # an error is of its moment, and may be about a key
MOST_TOLD = 8  # wrong fields named in one answer


class NotFound(CallerError):
    """No such address here."""

    http_status = 404
    code = "not_found"


class MethodNotAllowed(CallerError):
    """The address exists, but not for this method."""

    http_status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.allow = tuple(sorted(allow))


class RequestTooSlow(CallerError):
    """The head or the body did not arrive in time."""

    http_status = 408
    code = "request_timeout"


class Misdirected(CallerError):
    """The Host header names a server that this is not."""

    http_status = 421
    code = "misdirected_request"


class HeadTooLarge(CallerError):
    """The header block is larger than the edge admits."""

    http_status = 431
    code = "headers_too_large"


class SlowDown(CallerError):
    """Too many wrong keys from one address; until the time is over only a valid one is answered differently."""

    http_status = 429
    code = "too_many_failures"


class TooManyConnections(HostError):
    """Every connection the edge admits is in use."""

    code = "too_many_connections"


def error_response(error: BatutaError) -> tuple[int, Headers, bytes]:
    """Return status, headers and JSON body of an error, in OpenAI's dialect.

    Nobody is to store it. `Retry-After` is there where waiting helps (whole seconds, at least 1), `Allow` where another
    method would do, `WWW-Authenticate` where a key would.
    """
    body = orjson.dumps(error_body(error))
    headers: Headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), _NOT_KEPT]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
    if isinstance(error, MethodNotAllowed) and error.allow:
        headers.append((b"allow", ", ".join(error.allow).encode()))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="batuta"'))
    return error.status, headers, body


def bug_error(request_id: str) -> BatutaBug:
    """Return what a caller is told of an exception nobody expected: its id, and nothing of its content."""
    return BatutaBug(
        f"Something went wrong inside Batuta. The details are in its log under request id {request_id}.",
        details={"request_id": request_id},
    )


def raw_response(error: BatutaError) -> bytes:
    """Return a whole HTTP/1.1 response for an error met before there is a request to answer; it closes."""
    status, headers, body = error_response(error)
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%s: %s\r\n" % header for header in headers]
    return b"".join([*lines, b"connection: close\r\n\r\n", body])


def install_error_handlers(app: FastAPI) -> None:
    """Make a FastAPI app answer every error in the one shape, an unexpected one as its id alone."""
    # Imported here: the framework costs half a second, and the raw routes need none of it.
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, BatutaError)
        return _to_response(error)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _to_response(BadRequest(_explain(error.errors())))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _to_response(_from_status(error.status_code, str(error.detail), request.url.path, error.headers))

    async def unexpected(request: Request, _: Exception) -> Response:
        return _to_response(bug_error(str(request.scope.get("state", {}).get("request_id", "unknown"))))

    app.add_exception_handler(BatutaError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, unexpected)


def _to_response(error: BatutaError) -> Response:
    from starlette.responses import Response

    status, headers, body = error_response(error)
    response = Response(body, status)
    response.raw_headers = headers
    return response


def _explain(problems: Iterable[Any]) -> str:
    """Turn pydantic's list into one sentence, without echoing what was sent but the names of the first wrong fields."""
    parts = [f"{'.'.join(str(step) for step in problem['loc'])[:80]}: {_reason(problem)}" for problem in problems]
    more = f"; and {len(parts) - MOST_TOLD} more" if len(parts) > MOST_TOLD else ""
    return "The request is not valid. " + "; ".join(parts[:MOST_TOLD]) + more


def _from_status(status: int, detail: str, path: str, headers: Any) -> BatutaError:
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(f"There is nothing at {path[:200]}.")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allow = str((headers or {}).get("Allow", "")).replace(" ", "").split(",")
        return MethodNotAllowed(f"{path[:200]} does not answer that method.", allow=filter(None, allow))
    return FrameworkError(detail, status=status)


class FrameworkError(CallerError):
    """A refusal by the web framework that has no error of ours."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self._status = status

    @property
    def status(self) -> int:
        return self._status


def _reason(problem: Any) -> str:
    """Return pydantic's words without its own prefix for what a check of ours has said."""
    return str(problem["msg"]).removeprefix("Value error, ")
