"""What becomes of a stream's bytes on their way to the caller: looked at, mended, or told in another dialect. Pure.

Each gives whole events of OpenAI's chat dialect, and keeps an error until everything before it is out.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

import orjson

from batuta.chat import sse
from batuta.chat.dialects import openai
from batuta.chat.dialects.openai import InBandError
from batuta.chat.dialects.responses import ResponsesReader
from batuta.chat.sse import MAX_LINE, SSEParser
from batuta.engines.faults import Seen
from batuta.engines.openai_family.mending import Mender, read_event
from batuta.engines.openai_family.notices import HELD, notice_in
from batuta.engines.openai_family.replies import Teller
from batuta.errors import BatutaError

LONGEST: Final = 16 * MAX_LINE  # bytes of an event of the Responses API: some repeat instructions, tools, all said
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_ERRORS: Final = (b'"error"', b"event: error", b"event:error")  # cheap to find; what has one is looked into
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_OF_A_MODEL: Final = ("tool_calls", "reasoning_content", "reasoning")
_A_CHOICE: Final = b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":null}]'


class Watched:
    """Passes events as they are. Only those with a mark are looked into.

    Args:
        teller: for errors.
        is_quiet: the caller did not ask for token counts: the event with them gets a choice with nothing in it, because
            a client that has never seen an event without choices may fall over one.
    """

    def __init__(self, teller: Teller, *, is_quiet: bool) -> None:
        self.error: BatutaError | None = None
        self._teller = teller
        self._is_quiet = is_quiet
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return whole events; what is left waits for its end."""
        data = self._rest + chunk if self._rest else chunk
        cut = max(data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3)
        if cut < 3:  # neither was found
            cut = 0
        self._rest = data[cut:]
        ready = self._checked(data[:cut])
        if len(self._rest) > MAX_LINE and self.error is None:
            self.error = self._teller.seen(Seen.TOO_LARGE)
        return ready

    def close(self) -> bytes:
        """Return what has no empty line behind it."""
        rest, self._rest = self._rest, b""
        return self._checked(rest)

    def _checked(self, events: bytes) -> bytes:
        if self.error is not None:
            return b""
        if self._is_quiet and b'"choices":' in events and _NO_CHOICES.search(events):
            events = _NO_CHOICES.sub(_A_CHOICE, events)
        if not _is_marked(events):
            return events
        start = 0
        for end in [match.end() for match in _BLANK.finditer(events)] or [len(events)]:
            block = events[start:end]
            if _is_marked(block) and (error := _error_of(block)) is not None:
                self.error = self._teller.of(error)
                return events[:start]
            start = end
        return events


class Mended:
    """Reads each event and writes it anew, mended.

    Args:
        mender: of this answer.
        teller: for errors.
        is_quiet: as of `Watched`.
        is_noticing: what the answer begins with is held until it is clear that it is no notice about the account.
    """

    def __init__(self, mender: Mender, teller: Teller, *, is_quiet: bool, is_noticing: bool) -> None:
        self.error: BatutaError | None = None
        self._mender = mender
        self._teller = teller
        self._is_quiet = is_quiet
        self._parser = SSEParser()
        self._is_done = False
        self._held: list[bytes] | None = [] if is_noticing else None
        self._text = ""

    def feed(self, chunk: bytes) -> bytes:
        """Return the events that the bytes complete."""
        return self._take(self._parser.feed(chunk))

    def close(self) -> bytes:
        """Return what was left, and the end marker where the API left it out after a good end."""
        out = self._take(self._parser.close())
        if self.error is not None:
            return out
        out += self._released(is_over=True)
        if self._mender.is_finished and not self._is_done and self.error is None:
            self._is_done = True
            out += openai.DONE_EVENT
        return out

    def _take(self, events: list[sse.Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._is_done or self.error is not None:
                break
            if (written := self._event(event)) is not None:
                out.append(written)
        return b"".join(out)

    def _event(self, event: sse.Event) -> bytes | None:
        """Return what becomes of an event; None: nothing yet, or nothing at all."""
        if event.data.strip() == b"[DONE]":
            self._is_done = True
            ready = self._released(is_over=True)
            return None if self.error else ready + self._ending() + openai.DONE_EVENT
        body = read_event(event)
        if isinstance(body, InBandError):
            self.error = self._teller.of(body)
        if not isinstance(body, dict):
            return None
        body = self._mender.event(body)
        if self._is_quiet and not body["choices"]:
            body["choices"] = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]
        written = sse.encode(orjson.dumps(body))
        if self._held is None:
            return written
        self._held.append(written)
        self._text += _said(body)
        is_over = len(self._text) > HELD or _is_of_a_model(body)
        return self._released(is_over=is_over) if is_over else None

    def _ending(self) -> bytes:
        """Return the event that says how the answer ended, where the API has said only that it has."""
        if self._mender.is_finished or not self._mender.has_spoken:
            return b""
        return sse.encode(orjson.dumps(self._mender.ending()))

    def _released(self, *, is_over: bool) -> bytes:
        """Return what was held, once it is clear what it is."""
        if self._held is None or not is_over:
            return b""
        held, self._held = b"".join(self._held), None
        if (seen := notice_in(self._text)) is not None:
            self.error = self._teller.seen(seen, self._text)
            return b""
        return held


class Bridged:
    """Reads a stream of the Responses API and writes chat events.

    Args:
        model: the name that the answer goes by.
        created: wall seconds at which it began.
        teller: for errors.
        is_quiet: as of `Watched`.
    """

    def __init__(self, *, model: str, created: int, teller: Teller, is_quiet: bool) -> None:
        self.error: BatutaError | None = None
        self._teller = teller
        self._is_quiet = is_quiet
        self._parser = SSEParser(LONGEST)
        self._reader = ResponsesReader()
        self._is_first = True
        self._head: dict[str, Any] = {"answer_id": new_id(), "model": model, "created": created}

    def feed(self, chunk: bytes) -> bytes:
        """Return the chat events for those that the bytes complete."""
        return self._take(self._parser.feed(chunk))

    def close(self) -> bytes:
        """Return what was left; a stream without its last event was cut."""
        out = self._take(self._parser.close())
        if not self._reader.is_done and self.error is None:
            self.error = self._teller.seen(Seen.EMPTY if self._is_first else Seen.NO_END)
        return out

    def _take(self, events: list[sse.Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            said = self._reader.read(event.data)
            if said is None:
                continue
            if isinstance(said, InBandError):
                self.error = self._teller.of(said)
                break
            out.append(openai.encode_delta(said, is_first=self._is_first, is_quiet=self._is_quiet, **self._head))
            self._is_first = False
            if self._reader.is_done:
                out.append(openai.DONE_EVENT)
        return b"".join(out)


def as_stream(body: dict[str, Any], *, is_quiet: bool) -> bytes:
    """Return a whole answer as the events of a stream, for a caller who asked for one and an API that did not listen.

    Every choice and every field stays.
    """
    head = {name: value for name, value in body.items() if name not in {"choices", "usage", "object"}}
    head["object"] = "chat.completion.chunk"
    events = []
    for choice in body.get("choices") or ():
        message = dict(choice.get("message") or {})
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [{**call, "index": at} for at, call in enumerate(calls)]
        said = {"index": choice.get("index", 0), "delta": message, "logprobs": choice.get("logprobs")}
        events += [{**said, "finish_reason": None}, {**said, "delta": {}, "finish_reason": choice["finish_reason"]}]
    out = [sse.encode(orjson.dumps({**head, "choices": [event]})) for event in events]
    if body.get("usage"):
        nothing = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}] if is_quiet else []
        out.append(sse.encode(orjson.dumps({**head, "choices": nothing, "usage": body["usage"]})))
    return b"".join([*out, openai.DONE_EVENT])


def new_id() -> str:
    """Return an id for an answer that has none of OpenAI's form."""
    return f"chatcmpl-{uuid.uuid4().hex[:24]}"


def _is_marked(data: bytes) -> bool:
    return any(mark in data for mark in _ERRORS)


def _error_of(block: bytes) -> InBandError | None:
    parser = SSEParser()
    read = (read_event(event) for event in [*parser.feed(block), *parser.close()])
    return next((said for said in read if isinstance(said, InBandError)), None)


def _said(body: dict[str, Any]) -> str:
    deltas = (choice.get("delta") for choice in body["choices"] if isinstance(choice, dict))
    return "".join(str(delta.get("content") or "") for delta in deltas if isinstance(delta, dict))


def _is_of_a_model(body: dict[str, Any]) -> bool:
    """Say whether an event has what no notice has: a call, or a thought."""
    deltas = (choice.get("delta") for choice in body["choices"] if isinstance(choice, dict))
    return any(isinstance(delta, dict) and any(delta.get(name) for name in _OF_A_MODEL) for delta in deltas)
