"""The bytes of Gemini's answers as deltas; knows whether an answer ended well. Pure: is told bytes, opens nothing.

A stream has no end marker: it has ended well when a piece has said how the answer ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from batuta.chat.dialects.gemini import Reader
from batuta.chat.sse import Event, SSEParser
from batuta.chat.types import Delta
from batuta.engines.faults import Seen, fault
from batuta.engines.gemini import answers


class Answer:
    """One answer of a model's.

    Args:
        reader: reads its pieces.
        where: who answers, for messages.
        model: id of the model, for messages.
        hide: the key, which no message repeats.
    """

    def __init__(self, reader: Reader, *, where: str, model: str, hide: str) -> None:
        self._reader = reader
        self._parser = SSEParser()
        self._where = where
        self._model = model
        self._hide = hide

    @property
    def is_done(self) -> bool:
        """Whether the model has said how its answer ended."""
        return self._reader.is_done

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        """Yield the deltas that the bytes complete. Raises the error that a piece is, after what came before."""
        return self._decode(self._parser.feed(chunk))

    def close(self, chunk: bytes = b"") -> Iterator[Delta]:
        """Yield what the last bytes and the end complete.

        Raises UpstreamFailed for a stream that said nothing, StreamBroken for one without an end.
        """
        yield from self._decode([*self._parser.feed(chunk), *self._parser.close()])
        self._ended(Seen.EMPTY)

    def whole(self, said: Any) -> Iterator[Delta]:
        """Yield the deltas of an answer in one piece, or of a list of pieces. Raises as `close` does."""
        for piece in said if isinstance(said, list) else [said]:
            yield from self._read(piece)
        self._ended(Seen.NO_ANSWER)

    def _decode(self, events: list[Event]) -> Iterator[Delta]:
        for event in events:
            try:
                said = orjson.loads(event.data)
            except orjson.JSONDecodeError:
                continue  # garbage between good events: the missing end tells, if it was one that counted
            yield from self._read(said)

    def _read(self, piece: Any) -> Iterator[Delta]:
        said = self._reader.read(piece)
        if isinstance(said, Delta):
            yield said
        elif said is not None:
            raise answers.in_band(said, where=self._where, model=self._model, hide=self._hide)

    def _ended(self, nothing: Seen) -> None:
        if not self._reader.is_done:
            raise fault(nothing if self._reader.is_empty else Seen.NO_END, where=self._where, model=self._model)
