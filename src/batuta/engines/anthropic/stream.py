"""Bytes of an answer of Anthropic's, whole or streamed, as deltas or the error they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from batuta.chat.dialects.anthropic import AnswerReader, decode_message
from batuta.chat.dialects.openai import InBandError
from batuta.chat.sse import Event, SSEParser
from batuta.chat.types import Delta
from batuta.engines import faults
from batuta.engines.anthropic.answers import SIGNS
from batuta.engines.faults import Seen, fault
from batuta.errors import BatutaError


class AnswerStream:
    """One answer.

    Args:
        model: id of the model that was asked, for messages.
        where: who answers, for messages.
        hide: the key that was sent.
        answer_tool: the tool whose input is the answer's text; empty: the text is.
    """

    def __init__(self, *, model: str, where: str, hide: str, answer_tool: str = "") -> None:
        self._parser = SSEParser()
        self._reader = AnswerReader(answer_tool=answer_tool)
        self._answer_tool = answer_tool
        self._model = model
        self._where = where
        self._hide = hide

    @property
    def is_done(self) -> bool:
        """Whether the end has been told; nothing after it counts."""
        return self._reader.is_done

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        """Yield the deltas that the bytes complete. Raises the error that an event carries, after what came before."""
        return self._decode(self._parser.feed(chunk))

    def close(self) -> Iterator[Delta]:
        """Yield what was left. Raises UpstreamFailed for an empty stream, StreamBroken for one without its end."""
        yield from self._decode(self._parser.close())
        if not self.is_done:
            raise fault(Seen.EMPTY if self._reader.is_empty else Seen.NO_END, where=self._where, model=self._model)

    def whole(self, body: bytes) -> Delta:
        """Return a whole answer as one delta. Raises what it is instead of one."""
        error = faults.in_answer(body, where=self._where, model=self._model, hide=self._hide, signs=SIGNS)
        if error is not None:
            raise error
        try:
            said = decode_message(orjson.loads(body), answer_tool=self._answer_tool)
        except orjson.JSONDecodeError:
            said = None
        if said is None:
            raise fault(Seen.NO_ANSWER, where=self._where, model=self._model)
        if isinstance(said, InBandError):
            raise self._error(said)
        return said

    def _decode(self, events: list[Event]) -> Iterator[Delta]:
        for event in events:
            said = self._reader.take(event.data)
            if said is None:
                continue  # a ping, an event from the future, garbage between good events, anything after the end
            if isinstance(said, InBandError):
                raise self._error(said)
            yield said

    def _error(self, error: InBandError) -> BatutaError:
        return faults.from_answer(error, where=self._where, model=self._model, hide=self._hide, signs=SIGNS)
