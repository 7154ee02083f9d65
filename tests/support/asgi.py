"""Calls an ASGI app without a socket: whole answers, and streams that are read as they come and left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


@dataclass
class Reply:
    """What came back so far."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """One request. `run` it to its end, or start `run` as a task and `leave` when enough was seen."""

    def __init__(self, app: App, method: str, path: str, body: Any = None, *, query: str = "") -> None:
        self.reply = Reply()
        self.changed = asyncio.Event()
        self._app = app
        self._raw = b"" if body is None else orjson.dumps(body)
        self._is_sent = False
        self._gone = asyncio.Event()
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:22888"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 22888),
            "extensions": {},
            "state": {},
        }

    def leave(self) -> None:
        """Close the connection from the client's side."""
        self._gone.set()

    async def run(self) -> Reply:
        await self._app(self._scope, self._receive, self._send)
        return self.reply

    async def _receive(self) -> Message:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": self._raw, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.reply.status = message["status"]
            self.reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.reply.body += message.get("body", b"")
        self.changed.set()


async def call(app: App, method: str, path: str, body: Any = None, *, query: str = "") -> Reply:
    """Send a request and return its whole answer."""
    return await Client(app, method, path, body, query=query).run()
