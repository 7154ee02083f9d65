"""Writes answers and event streams to a connection, as well or as badly as a play asks. Knows no provider."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import orjson
from aiohttp import web

from batuta.testing.providers.plays import Play


class Part(Enum):
    """What an event is for the one who writes it."""

    OTHER = auto()
    PIECE = auto()  # carries a piece of the answer
    END = auto()  # says why the answer ends
    DONE = auto()  # the end mark, or what comes behind the end


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream.

    Attributes:
        data: JSON, or bytes as they are.
        name: for the `event:` line; empty: none.
        part: what it is.
    """

    data: Any
    name: str = ""
    part: Part = Part.OTHER


@dataclass(frozen=True, slots=True)
class Form:
    """How a provider writes its streams.

    Attributes:
        newline: the end of a line.
        padding: spaces behind an event's JSON.
        opening: bytes before the first event.
        pause: bytes before each piece.
        is_array: no events but one JSON array (Gemini without alt=sse).
        content_type: of the answer.
    """

    newline: bytes = b"\n"
    padding: int = 0
    opening: bytes = b""
    pause: bytes = b""
    is_array: bool = False
    content_type: str = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: JSON, or bytes as they are."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def data(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in events.

    Attributes:
        events: the good ones, from the first to the end mark.
        error: the events of an error in the middle.
        form: how they are written.
        headers: of the answer.
    """

    events: Iterable[Event]
    error: tuple[Event, ...] = ()
    form: Form = Form()
    headers: Mapping[str, str] = field(default_factory=dict)


async def send(request: web.Request, answer: Reply | Stream, play: Play) -> tuple[web.StreamResponse, str]:
    """Send an answer. Returns what was sent, and how it went: `answered`, or the fate it met."""
    if isinstance(answer, Stream):
        return await _send_stream(request, answer, play)
    headers = {**answer.headers, **dict(play.headers)}
    if play.fate and answer.status == 200:
        return await _send_half(request, answer, play, headers)
    response = web.Response(
        body=answer.data, status=answer.status, headers=headers | {"content-type": answer.content_type}
    )
    if play.is_packed:
        response.enable_compression(web.ContentCoding.gzip)
    return response, "answered"


async def _send_half(
    request: web.Request, answer: Reply, play: Play, headers: Mapping[str, str]
) -> tuple[web.StreamResponse, str]:
    """Send the first half of a whole answer, then let it meet its fate."""
    response = web.StreamResponse(headers={**headers, "content-type": answer.content_type})
    await response.prepare(request)
    await response.write(answer.data[: len(answer.data) // 2])
    await meet(request, response, play.fate)
    return response, play.fate


async def meet(request: web.Request, response: web.StreamResponse, fate: str) -> None:
    """Let a begun answer end as its fate says."""
    if fate == "stall":
        await asyncio.Event().wait()  # until the other side hangs up: the handler is cancelled then
    if fate in {"cut", "close"} and request.transport is not None:
        # Let what was written leave first: abort drops what is still buffered.
        await asyncio.sleep(0)
        if fate == "cut":
            request.transport.abort()
        else:
            request.transport.close()
    with contextlib.suppress(ConnectionError):
        await response.write_eof()


async def _send_stream(request: web.Request, stream: Stream, play: Play) -> tuple[web.StreamResponse, str]:
    headers = {**stream.headers, **dict(play.headers), "content-type": stream.form.content_type}
    response = web.StreamResponse(headers=headers)
    if play.is_packed:
        response.enable_compression(web.ContentCoding.gzip)
    await response.prepare(request)
    writer = _Writer(response, stream.form, play)
    await writer.raw(stream.form.opening)
    fate = await _events(writer, stream, play)
    await writer.flush()
    if fate in {"stall", "cut", "close"}:
        await meet(request, response, fate)
    else:
        await response.write_eof()
    return response, fate or "answered"


async def _events(writer: _Writer, stream: Stream, play: Play) -> str:
    """Write the events. Returns the fate that ended them, or nothing."""
    count = 0
    for event in _altered(stream.events, play):
        if play.fate and ((event.part is Part.PIECE and count == play.after) or event.part in {Part.END, Part.DONE}):
            if play.fate == "error":
                for each in stream.error:
                    await writer.event(each)
            return play.fate
        if event.part is Part.PIECE:
            count += 1
            await asyncio.sleep(play.piece_s)
            await writer.raw(stream.form.pause)
        await writer.event(event)
        if count == 1 and event.part is Part.PIECE:
            await writer.mishaps()
    await writer.close()
    return ""


def _altered(events: Iterable[Event], play: Play) -> Iterator[Event]:
    """Leave out and add what the play wants."""
    last: Event | None = None
    for event in events:
        if event.part is Part.DONE and event.data == b"[DONE]" and not play.done:
            continue
        yield event
        if event.part is Part.PIECE:
            last = event
        if event.part is Part.END and play.late and last is not None:
            yield Event(last.data, last.name)
        if event.part in {Part.END, Part.DONE} and play.doubled:
            yield event


class _Writer:
    """Puts events into bytes, and bytes into writes."""

    def __init__(self, response: web.StreamResponse, form: Form, play: Play) -> None:
        self._response = response
        self._form = form
        self._play = play
        self._newline = form.newline if play.newline is None else play.newline
        self._padding = form.padding if play.padding is None else play.padding
        self._held = bytearray()
        self._count = 0

    async def event(self, event: Event) -> None:
        """Write an event."""
        data = event.data if isinstance(event.data, bytes) else orjson.dumps(event.data)
        if self._form.is_array:
            await self.raw((b",\r\n" if self._count else b"[") + data)
        else:
            if self._play.comments:
                await self.raw(b": a comment" + self._newline)
            await self.raw(self._lines(event, data))
        self._count += 1

    def _lines(self, event: Event, data: bytes) -> bytes:
        if self._play.multiline and not isinstance(event.data, bytes):
            data = orjson.dumps(event.data, option=orjson.OPT_INDENT_2)
        lead = b"data: " if self._play.space else b"data:"
        name = [b"event: " + event.name.encode()] if event.name else []
        lines = [lead + line for line in data.split(b"\n")]
        lines[-1] += b" " * (self._padding if data != b"[DONE]" else 0)
        return self._newline.join([*name, *lines, b"", b""])

    async def mishaps(self) -> None:
        """Write what a play puts behind the first piece."""
        if self._play.garbage:
            await self.raw(b'data: {"half":' + self._newline * 2)
        if self._play.long:
            await self.raw(b"data: " + b"x" * self._play.long)
            await self.raw(self._newline * 2)

    async def raw(self, data: bytes) -> None:
        """Write bytes, in the pieces that the play wants."""
        if not data:
            return
        if self._play.write < 0:
            self._held += data
            return
        size = self._play.write or len(data)
        for start in range(0, len(data), size):
            await self._response.write(data[start : start + size])
            if self._play.write:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Write what ends the body."""
        if self._form.is_array:
            await self.raw(b"]" if self._count else b"[]")

    async def flush(self) -> None:
        """Write what is held back."""
        if self._held:
            await self._response.write(bytes(self._held))
            self._held.clear()
