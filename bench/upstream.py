"""An upstream that answers, refuses or fails by the path it is asked at, and counts. Knows nothing of gateways.

`POST /ok/...` answers with a short completion, `/500/...` and `/503/...` with that status. `GET /count` tells how often
was asked. `python -m bench.upstream` prints one JSON line with its port and runs until it is terminated.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, cast

import httptools

from bench.mock import new_loop

_MESSAGE = {"role": "assistant", "content": "one two three", "refusal": None}
_USAGE = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
_COMPLETION = {
    "id": "chatcmpl-0123456789abcdef01234567",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "mock",
    "choices": [{"index": 0, "message": _MESSAGE, "logprobs": None, "finish_reason": "stop"}],
    "usage": _USAGE,
}
_ERROR = {"error": {"message": "something broke", "type": "server_error", "param": None, "code": None}}


def _answer(status: str, body: Any) -> bytes:
    data = json.dumps(body, separators=(",", ":")).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


ANSWERS = {
    b"ok": _answer("200 OK", _COMPLETION),
    b"500": _answer("500 Internal Server Error", _ERROR),
    b"503": _answer("503 Service Unavailable", _ERROR),
}


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    asked = 0  # of all connections

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        assert self._transport is not None
        if self._url == b"/count":
            self._transport.write(_answer("200 OK", {"count": Connection.asked}))
            return
        Connection.asked += 1
        self._transport.write(ANSWERS[self._url.split(b"/")[1]])


async def _run() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run())
    sys.exit(0)
