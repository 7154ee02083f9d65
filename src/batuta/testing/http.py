"""Just enough HTTP/1.1 for the fakes' server side: requests read, answers put together. For loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has been read. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises orjson.JSONDecodeError."""
        return orjson.loads(self.body)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    return Request(method, path, headers, body)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and headers of an answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_phrase(status)}\r\n{lines}\r\n".encode("latin-1")


def answer(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole answer, of JSON unless the headers say otherwise."""
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return head(status, fields) + body


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole answer of JSON."""
    return answer(status, orjson.dumps(value), headers)


def chunk(data: bytes) -> bytes:
    """Return one piece of a chunked body; an empty one is its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
