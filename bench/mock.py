"""A model server that costs next to nothing: the upstream of every overhead figure. Knows nothing of gateways.

Answers `POST .../chat/completions` with one 0.7 kB JSON body, or, where the body says `"stream":true`, with 51 SSE
events (a role, 48 words, the finish with usage, the end marker): each in a write of its own, all at once, or, for
the model `mock-paced`, with the words 10 ms apart. `GET .../models` lists both models.

`python -m bench.mock [--port N]` prints one JSON line with its port and runs until it is terminated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, cast

import httptools

MODEL = "mock-model"
PACED_MODEL = "mock-paced"
GAP_S = 0.010  # 100 tokens a second
WORDS = tuple(f" word{i:02d}" for i in range(48))
TEXT = "".join(WORDS)
EVENTS = len(WORDS) + 3
_CREATED = 1_760_000_000
_USAGE = {"prompt_tokens": 180, "completion_tokens": len(WORDS), "total_tokens": 180 + len(WORDS)}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def _completion() -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    body = {
        "id": "chatcmpl-0123456789abcdef01234567",
        "object": "chat.completion",
        "created": _CREATED,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
        "system_fingerprint": "fp_0123456789",
    }
    return _answer(_json(body))


def _events() -> list[bytes]:
    def event(delta: dict[str, Any], finish: str | None = None, **rest: Any) -> bytes:
        body = {
            "id": "chatcmpl-0123456789abcdef01234567",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": MODEL,
            "system_fingerprint": "fp_0123456789",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            **rest,
        }
        return b"data: " + _json(body) + b"\n\n"

    events = [event({"role": "assistant", "content": ""})]
    events += [event({"content": word}) for word in WORDS]
    events += [event({}, "stop", usage=_USAGE), b"data: [DONE]\n\n"]
    return [b"%x\r\n%s\r\n" % (len(data), data) for data in events]


_COMPLETION = _completion()
_CHUNKS = _events()
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_STREAM_END = b"0\r\n\r\n"
_MODELS = _answer(
    _json({"object": "list", "data": [{"id": m, "object": "model", "owned_by": "bench"} for m in (MODEL, PACED_MODEL)]})
)
_NOT_FOUND = _answer(b'{"error":{"message":"no such path","type":"not_found","code":404}}', b"404 Not Found")


class _Connection(asyncio.Protocol):
    """One keep-alive connection; one exchange at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self._next: asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's classes
        self._write: Callable[[bytes], None] = self._transport.write

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._next is not None:
            self._next.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        if self._parser.get_method() != b"POST":
            self._write(_MODELS if self._url.endswith(b"/models") else _NOT_FOUND)
        elif not self._url.endswith(b"/chat/completions"):
            self._write(_NOT_FOUND)
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._stream(is_paced=PACED_MODEL.encode() in body)
        else:
            self._write(_COMPLETION)

    def _stream(self, *, is_paced: bool) -> None:
        self._write(_STREAM_HEAD + _CHUNKS[0])
        if is_paced:
            self._started = self._loop.time()
            self._next = self._loop.call_at(self._started + GAP_S, self._send_paced, 1)
        else:
            self._next = self._loop.call_soon(self._send_now, 1)

    def _send_now(self, index: int) -> None:
        # One write an iteration of the loop: uvloop would join writes of the same one into a single send.
        if index < len(_CHUNKS):
            self._write(_CHUNKS[index])
            self._next = self._loop.call_soon(self._send_now, index + 1)
        else:
            self._write(_STREAM_END)

    def _send_paced(self, index: int) -> None:
        if index < len(WORDS):
            self._write(_CHUNKS[index])
            # From the start of the stream, so that a late event does not delay those after it.
            self._next = self._loop.call_at(self._started + (index + 1) * GAP_S, self._send_paced, index + 1)
        else:
            self._write(b"".join(_CHUNKS[index:]) + _STREAM_END)


async def serve(port: int = 0) -> asyncio.Server:
    """Listen on a loopback port (0: any free one); the caller closes the server."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Connection(loop), "127.0.0.1", port, backlog=1024)


def port_of(server: asyncio.Server) -> int:
    """Return the port a server listens on."""
    return int(server.sockets[0].getsockname()[1])


async def _run(port: int) -> None:
    server = await serve(port)
    print(json.dumps({"port": port_of(server)}), flush=True)
    await server.serve_forever()


def main(argv: list[str]) -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="python -m bench.mock", description="a model server that costs nothing")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(argv)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run(options.port))


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a uvloop loop, or asyncio's own where there is no uvloop."""
    try:
        import uvloop  # not there on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    main(sys.argv[1:])
