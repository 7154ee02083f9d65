"""A backend that misbehaves on purpose: a raw server that plays one script a request.

    async with FaultyUpstream(cut_stream(after=2)) as upstream:
        ...  # talk to upstream.url

A script is an async function of a Wire; the ones below are the faults that backends have been seen with. Several
scripts are played in turn, the last one for all further requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, cast

import orjson

from batuta.chat import sse
from batuta.chat.dialects import openai
from batuta.chat.types import Delta, FinishReason, Usage
from batuta.testing import http

SSE_HEAD = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing sends RST


class Wire:
    """One exchange as its script sees it."""

    def __init__(self, request: http.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._reader = reader
        self._writer = writer
        self.is_over = False

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are, each call in a packet of its own where the network allows."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)

    async def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        await self.raw(http.answer(status, body, headers))

    async def begin_stream(self) -> None:
        """Send the head of an event stream."""
        await self.raw(http.head(200, SSE_HEAD))

    async def event(self, data: bytes | Delta) -> None:
        """Send one event: its data, or a delta."""
        await self.piece(sse.encode(data) if isinstance(data, bytes) else delta_event(data))

    async def piece(self, data: bytes) -> None:
        """Send bytes of a chunked body."""
        await self.raw(http.chunk(data))

    async def say(self, *words: str) -> None:
        """Send a delta a word."""
        for word in words:
            await self.event(Delta(text=word))

    async def end_stream(self, *, finish: bool = True, done: bool = True) -> None:
        """End an event stream as it should be, or without one of its ends."""
        if finish:
            await self.event(Delta(finish=FinishReason.STOP))
        if done:
            await self.piece(openai.DONE_EVENT)
        await self.raw(http.chunk(b""))

    async def silence(self) -> None:
        """Say nothing more until the other side hangs up."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()
        self.is_over = True

    def hang_up(self) -> None:
        """Close the connection in good order (FIN)."""
        self.is_over = True
        self._writer.close()

    def reset(self) -> None:
        """Tear the connection down (RST)."""
        self.is_over = True
        plug = cast("socket.socket", self._writer.get_extra_info("socket"))
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()


Script = Callable[[Wire], Awaitable[None]]


def delta_event(delta: Delta) -> bytes:
    """Return the event of a delta."""
    return openai.encode_delta(delta, answer_id="chatcmpl-faulty", model="m", created=0)


class FaultyUpstream:
    """A server on a free loopback port, for the length of a `with` block.

    Attributes:
        requests: what was asked, in order.
        connections: how many there were.
        cut: how many the other side closed while a script was playing.
        port: where it listens.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self._server: asyncio.Server | None = None
        self._players: set[asyncio.Task[Any]] = set()
        self.requests: list[http.Request] = []
        self.connections = 0
        self.cut = 0
        self.port = 0

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for player in self._players:
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        player = asyncio.current_task()
        assert player is not None
        self._players.add(player)
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._play(reader, writer)
        finally:
            self._players.discard(player)
            writer.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await http.read_request(reader)) is not None:
            script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
            self.requests.append(request)
            wire = Wire(request, reader, writer)
            try:
                await script(wire)
            except ConnectionError:
                self.cut += 1
                return
            if wire.is_over:
                return


# --- no connection -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """Give the URL of a port on which nobody listens."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))  # held, so that nobody else gets it
        yield f"http://127.0.0.1:{plug.getsockname()[1]}/v1"


@asynccontextmanager
async def never_accepting() -> AsyncIterator[str]:
    """Give the URL of a port whose queue of connections is full: connecting hangs."""
    with contextlib.ExitStack() as plugs:
        listener = plugs.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            plug = plugs.enter_context(socket.socket())
            plug.setblocking(False)
            plug.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@asynccontextmanager
async def speaking_plainly() -> AsyncIterator[str]:
    """Give the URL of a server that answers whatever comes in plain HTTP: wrong where TLS is due."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http.answer(400, b"{}"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


# --- nothing, or not HTTP ------------------------------------------------------------------------------------------


async def silent(wire: Wire) -> None:
    """Take the request and say nothing."""
    await wire.silence()


async def hang_up(wire: Wire) -> None:
    """Take the request and close."""
    wire.hang_up()


async def reset(wire: Wire) -> None:
    """Take the request and tear the connection down."""
    wire.reset()


async def not_http(wire: Wire) -> None:
    """Answer in another protocol."""
    await wire.raw(b"220 mail.example ESMTP\r\n")
    await wire.silence()


async def endless_head(wire: Wire) -> None:
    """Send headers without end."""
    await wire.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        await wire.raw(b"x-filler: %b\r\n" % (b"y" * 1000))


def status(code: int, body: Any = None, **headers: str) -> Script:
    """Answer with a status; `body` is JSON or bytes."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body or {"error": {"message": f"status {code}"}})

    async def script(wire: Wire) -> None:
        await wire.answer(code, raw, {name.replace("_", "-"): value for name, value in headers.items()})

    return script


async def html(wire: Wire) -> None:
    """Answer 200 with a web page."""
    await wire.answer(200, b"<!DOCTYPE html><html><title>Welcome</title></html>", {"content-type": "text/html"})


async def empty(wire: Wire) -> None:
    """Answer 200 with nothing, as a stream if one was asked for."""
    if b'"stream":true' in wire.request.body:
        await wire.begin_stream()
        await wire.raw(http.chunk(b""))
    else:
        await wire.answer(200)


def error_in_200(message: str = "the backend gave up", **fields: Any) -> Script:
    """Answer 200 with an error object, as the first event if a stream was asked for."""
    body = orjson.dumps({"error": {"message": message, **fields}})

    async def script(wire: Wire) -> None:
        if b'"stream":true' in wire.request.body:
            await wire.begin_stream()
            await wire.event(body)
            await wire.raw(http.chunk(b""))
        else:
            await wire.answer(200, body)

    return script


# --- good, and bad in the middle -----------------------------------------------------------------------------------


def whole(text: str = "fine", *, headers: Mapping[str, str] | None = None) -> Script:
    """Answer as one should, whole or streamed as asked."""

    async def script(wire: Wire) -> None:
        if b'"stream":true' in wire.request.body:
            await wire.begin_stream()
            await wire.say(*text.split(" "))
            await wire.end_stream()
        else:
            await wire.answer(200, completion(text), headers)

    return script


def completion(text: str) -> bytes:
    """Return the JSON of a whole answer."""
    deltas = [Delta(text=text), Delta(finish=FinishReason.STOP), Delta(usage=Usage(3, 2))]
    return orjson.dumps(openai.encode_completion(deltas, answer_id="chatcmpl-faulty", model="m", created=0))


def stream(*steps: bytes | Delta | str, end: Callable[[Wire], Awaitable[None]] | None = None) -> Script:
    """Stream steps (data of an event, a delta, a word), then `end`; without one, close the body without any mark."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        for step in steps:
            await wire.event(Delta(text=step) if isinstance(step, str) else step)
        if end is not None:
            await end(wire)
        else:
            await wire.raw(http.chunk(b""))

    return script


async def well(wire: Wire) -> None:
    """End a stream as it should be."""
    await wire.end_stream()


def pieces(data: bytes, size: int) -> Script:
    """Send a whole stream's bytes in pieces of `size`, however that cuts characters and lines."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        for start in range(0, len(data), size):
            await wire.piece(data[start : start + size])
        await wire.raw(http.chunk(b""))

    return script


def long_line(size: int) -> Script:
    """Begin a stream, then send a line of `size` bytes that never ends."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        await wire.say("begun")
        await wire.piece(b"data: ")
        for _ in range(size // 65536):
            await wire.piece(b"x" * 65536)
        await wire.silence()

    return script


def short_body(promised: int) -> Script:
    """Promise more bytes of a whole answer than there are, then close."""

    async def script(wire: Wire) -> None:
        await wire.raw(http.head(200, {"content-type": "application/json", "content-length": str(promised)}))
        await wire.raw(completion("cut"))
        wire.hang_up()

    return script


async def long_body(wire: Wire) -> None:
    """Send more bytes than were promised."""
    await wire.raw(http.answer(200, completion("enough")) + b"and more than was promised")
    await wire.silence()


def packed(*, factor: int = 1) -> Script:
    """Answer in gzip although nobody asked for it; `factor` makes a bomb of it."""

    async def script(wire: Wire) -> None:
        text = completion("packed" + " " * (factor - 1))
        await wire.answer(200, gzip.compress(text), {"content-encoding": "gzip"})

    return script


def drip(gap_s: float) -> Script:
    """Send a delta every `gap_s` seconds, for ever."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        while True:
            await wire.say("drop")
            await asyncio.sleep(gap_s)

    return script


async def flood(wire: Wire) -> None:
    """Send deltas as fast as they are taken, for ever."""
    await wire.begin_stream()
    many = http.chunk(delta_event(Delta(text="more")) * 200)
    while True:
        await wire.raw(many)
