"""Watches an answer's bytes go by: its commit point, its usage, its end, and errors inside it. Pure.

Bytes pass through untouched. Events are parsed and held until one says something: many servers name the role at once,
long before there is a word, and until there is one another model may be tried. After that the watch looks for four
short marks and parses just the events that carry them.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from batuta.chat.dialects.openai import find_error
from batuta.chat.sse import MAX_LINE, SSEParser, too_long
from batuta.chat.types import Usage
from batuta.engines.faults import Seen, broken, fault, from_answer, in_answer
from batuta.errors import BatutaError

DONE = b"[DONE]"
_MARKS = (b'"usage"', b'"timings"', b'"error"', DONE)
_OVERLAP = 32  # longer than any mark, so that one split over two chunks is still seen
MOST_HELD = 500  # events before the first word; whoever sends more of nothing is passed on
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_NO_WORDS = frozenset({"role", "obfuscation"})  # fields of a delta that nobody waits for
_TAIL = 4096  # the last event of an answer without an end marker is found in here


class _UsageFields(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int | None = None  # embeddings have none
    # Of no type: an answer is as good where these are not as OpenAI has them.
    total_tokens: Any = None
    prompt_tokens_details: Any = None
    completion_tokens_details: Any = None
    prompt_cache_hit_tokens: Any = None  # DeepSeek's word for what is cached


class _Timings(msgspec.Struct):
    """What llama.cpp says with the last delta, whether the caller asked for usage or not."""

    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


_ABSENT = msgspec.Raw(b"")


class _ReplyFields(msgspec.Struct):
    choices: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    usage: _UsageFields | None = None
    timings: _Timings | None = None


_decode = msgspec.json.Decoder(_ReplyFields).decode


def read_reply(body: bytes, *, model: str) -> Usage | None:
    """Check a whole (not streamed) answer and return its usage.

    Raises:
        BatutaError: the body is an error although the status said 200, or is no JSON object at all.
    """
    if (error := in_answer(body, where=model, model=model)) is not None:
        raise error
    try:
        fields = _decode(body)
    except msgspec.MsgspecError:
        raise fault(Seen.NO_ANSWER, where=model, model=model) from None
    if not (bytes(fields.choices) or bytes(fields.data)):
        raise fault(Seen.NO_ANSWER, where=model, model=model)
    return _usage(fields)


def error_in(data: bytes, *, model: str) -> BatutaError | None:
    """Return the error that an event of a stream is, or None for one that may be a delta."""
    if b'"error"' not in data:
        return None
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    error = find_error(body) if isinstance(body, dict) else None
    return from_answer(error, where=model, model=model) if error else None


def says_nothing(data: bytes) -> bool:
    """Say whether an event has nothing in it that a caller waits for: a role, and what is empty."""
    if not data or data == DONE:
        return not data
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    choices = body.get("choices") if isinstance(body, dict) else None
    return isinstance(choices, list) and all(_is_empty(choice) for choice in choices)


def _is_empty(choice: Any) -> bool:
    if not isinstance(choice, dict) or choice.get("finish_reason") or choice.get("text"):
        return False
    delta = choice.get("delta")
    said = delta if isinstance(delta, dict) else {}
    return all(value in _EMPTY for name, value in said.items() if name not in _NO_WORDS)


def _usage(fields: _ReplyFields) -> Usage | None:
    if fields.usage is not None:
        return _counted(fields.usage)
    if (timings := fields.timings) is not None:
        return Usage(timings.cache_n + timings.prompt_n, timings.predicted_n, timings.cache_n)
    return None


def _counted(said: _UsageFields) -> Usage:
    """Return usage as OpenAI counts: reasoning is a part of the completion. Who counts it beside, the total tells."""
    prompt, completion = said.prompt_tokens, said.completion_tokens or 0
    cached = _detail(said.prompt_tokens_details, "cached_tokens") or _whole(said.prompt_cache_hit_tokens)
    reasoning = _detail(said.completion_tokens_details, "reasoning_tokens")
    if reasoning and said.total_tokens == prompt + completion + reasoning:
        completion += reasoning
    return Usage(prompt, completion, cached, reasoning)


def _detail(details: Any, name: str) -> int:
    return _whole(details.get(name)) if isinstance(details, dict) else 0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


class StreamWatch:
    """One streamed answer. Feed it each chunk in order, before passing it on.

    Attributes:
        is_committed: the first event with something in it was good; from here on nothing restarts.
        usage: token counts once their event has gone by.
        error: an error event that went by after the commit point.
    """

    __slots__ = (
        "_empty",
        "_held",
        "_is_capturing",
        "_line",
        "_model",
        "_parser",
        "_tail",
        "error",
        "is_committed",
        "is_done",
        "usage",
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self._parser = SSEParser()
        self._held = bytearray()
        self._empty = 0  # events so far that said nothing
        self._tail = b""
        self._line = 0  # bytes of the line that has not ended yet
        self._is_capturing = False
        self.is_committed = False
        self.is_done = False
        self.usage: Usage | None = None
        self.error: BatutaError | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take in a chunk; return what may be passed on now (empty until the commit point).

        Raises:
            BatutaError: an error came before any word: nothing has been passed on, another model may be tried.
            StreamBroken: a line has more bytes than any event; readers would have to hold all of it.
        """
        if not self.is_committed:
            return self._before_commit(chunk)
        ends = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self._line = self._line + len(chunk) if ends < 0 else len(chunk) - ends - 1
        if self._line > MAX_LINE:
            raise too_long(MAX_LINE)
        window = self._tail[-_OVERLAP:] + chunk
        if self._is_capturing or any(mark in window for mark in _MARKS):
            self._look_closer(chunk)
        self._tail = (self._tail + chunk)[-_TAIL:]
        return chunk

    def _before_commit(self, chunk: bytes) -> bytes:
        self._held += chunk
        for event in self._parser.feed(chunk):
            if event.data and event.data != DONE and (error := error_in(event.data, model=self._model)) is not None:
                raise error
            self._empty += 1
            if not says_nothing(event.data) or self._empty > MOST_HELD:
                return self._commit()
        return b""

    def _commit(self) -> bytes:
        self.is_committed = True
        held, self._held = bytes(self._held), bytearray()
        self._parser = SSEParser()
        self._look_closer(held)
        self._tail = held[-_TAIL:]
        return held

    def _look_closer(self, chunk: bytes) -> None:
        """Parse the events around a mark. An event split over chunks is followed to its end."""
        if not self._is_capturing:
            self._parser = SSEParser()
            start = self._tail.rfind(b"\n\n")
            chunk = self._tail[start + 2 if start >= 0 else 0 :] + chunk if self._tail else chunk
        for event in self._parser.feed(chunk):
            self._take(event.data)
        self._is_capturing = not chunk.endswith(b"\n\n")

    def _take(self, data: bytes) -> None:
        if data == DONE:
            self.is_done = True
            return
        if (error := error_in(data, model=self._model)) is not None:
            self.error = broken(error, model=self._model)
            return
        if b'"usage"' in data or b'"timings"' in data:
            try:
                self.usage = _usage(_decode(data)) or self.usage
            except msgspec.MsgspecError:
                return

    def end(self) -> None:
        """Say that the backend has closed its answer.

        Raises:
            UpstreamFailed: nothing came (before the commit point).
            StreamBroken: neither an end marker nor a finish reason came: the answer was cut.
        """
        if not self.is_committed:
            raise fault(Seen.EMPTY, where=self._model, model=self._model)
        if self.error is not None or self.is_done:
            return
        if b'"finish_reason":"' in self._tail or b'"finish_reason": "' in self._tail:
            return
        raise fault(Seen.NO_END, where=self._model, model=self._model)
