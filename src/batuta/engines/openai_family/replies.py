"""Streams of the family as the gateway takes them (RawReply), and who tells the errors inside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from batuta.chat.dialects.openai import InBandError
from batuta.engines import faults
from batuta.engines.base import RawReply
from batuta.engines.decoding import Pieces
from batuta.engines.faults import Seen, Sign, fault
from batuta.errors import BatutaError

EVENT_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Teller:
    """Who answers, for errors: where, which model, which key to hide, and the API's own signs."""

    where: str
    model: str
    hide: str
    signs: tuple[Sign, ...]

    def of(self, error: InBandError) -> BatutaError:
        """Return the error that came where an answer belongs."""
        return faults.from_answer(error, where=self.where, model=self.model, hide=self.hide, signs=self.signs)

    def seen(self, seen: Seen, said: str = "") -> BatutaError:
        """Return the error for what was seen."""
        return fault(seen, where=self.where, model=self.model, said=faults.clean(said, self.hide))


class Reader(Protocol):
    """Turns the bytes of a stream into events of OpenAI's chat dialect. Pure.

    Attributes:
        error: what the stream has turned out to be, once all that came before is out.
    """

    error: BatutaError | None

    def feed(self, chunk: bytes) -> bytes:
        """Return the events that the bytes complete."""
        ...

    def close(self) -> bytes:
        """Return what was left when the stream has ended."""
        ...


class ReadReply:
    """A stream through a reader."""

    def __init__(self, reply: RawReply, reader: Reader) -> None:
        self.status = 200
        self.content_type = EVENT_STREAM
        self._reply = reply
        self._reader = reader
        self._source = reply.chunks()
        self._is_at_end = False

    async def read(self) -> bytes:
        """Return all events."""
        return b"".join([piece async for piece in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield events as they come."""
        return Pieces(self._next)

    async def _next(self) -> bytes:
        while not self._is_at_end:
            if (error := self._reader.error) is not None:
                raise error
            chunk = await anext(self._source, b"")
            self._is_at_end = not chunk
            if ready := self._reader.feed(chunk) if chunk else self._reader.close():
                return ready
        if (error := self._reader.error) is not None:
            raise error
        return b""

    async def aclose(self) -> None:
        """Let go. A stream that is not at its end is cut, and the API stops."""
        await self._reply.aclose()


class Made:
    """A stream that was made of a whole answer."""

    def __init__(self, events: bytes) -> None:
        self.status = 200
        self.content_type = EVENT_STREAM
        self._events = events

    async def read(self) -> bytes:
        """Return all events."""
        return self._events

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the events in one piece."""
        return Pieces(self._next)

    async def _next(self) -> bytes:
        events, self._events = self._events, b""
        return events

    async def aclose(self) -> None:
        """Nothing is held."""
