"""However the network cuts a stream, what it says is the same: golden streams of every dialect, and any cuts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.catalog.external import TABLE
from batuta.chat.dialects import openai
from batuta.chat.dialects.gemini import Reader
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta
from batuta.engines.anthropic.stream import AnswerStream
from batuta.engines.gemini.stream import Answer
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import Mender
from batuta.engines.openai_family.quirks import read_quirks
from batuta.engines.openai_family.readers import Bridged, Mended, Watched
from batuta.engines.openai_family.replies import Reader as FamilyReader
from batuta.engines.openai_family.replies import Teller
from batuta.errors import BatutaError

FILES = Path(__file__).parents[2] / "golden"
Pieces = list[bytes]
Play = Callable[[Pieces], list[Any]]


def told(deltas: Callable[[], Any]) -> list[Any]:
    """Return what a stream says, and last how it failed, if it did."""
    said: list[Any] = []
    try:
        said.extend(deltas())  # what came before an error stays
    except BatutaError as error:
        said.append((type(error).__name__, error.message))
    return said


def by_anthropic(pieces: Pieces) -> list[Any]:
    stream = AnswerStream(model="m", where="w", hide="")
    return told(lambda: itertools.chain(*(stream.feed(piece) for piece in pieces), stream.close()))


def by_gemini(pieces: Pieces) -> list[Any]:
    numbers = itertools.count()
    answer = Answer(Reader(lambda: f"call_{next(numbers)}"), where="w", model="m", hide="")
    return told(lambda: itertools.chain(*(answer.feed(piece) for piece in pieces), answer.close()))


def by_family(make: Callable[[Teller], FamilyReader], api: str = "") -> Play:
    def play(pieces: Pieces) -> list[Any]:
        reader = make(Teller("w", "m", "", signs_of(api)))
        out = b"".join(reader.feed(piece) for piece in pieces if reader.error is None)
        out += reader.close() if reader.error is None else b""
        read = [openai.decode_event(event.data) for event in SSEParser().feed(out)]
        calls = [call for each in read if isinstance(each, Delta) for call in each.tool_calls]
        assert all(call.id or not call.name for call in calls)
        error = [(type(reader.error).__name__, reader.error.message)] if reader.error else []
        return [each for each in read if each is not None] + error

    return play


def family(api: Any) -> Play:
    quirks = read_quirks(api.quirks, where=api.id)
    if not quirks.mend:
        return by_family(lambda teller: Watched(teller, is_quiet=True), api.id)
    return by_family(lambda teller: Mended(Mender("m"), teller, is_quiet=True, is_noticing=quirks.notices), api.id)


def framed(events: list[Any], *, newline: bytes = b"\n", named: bool = False) -> bytes:
    head = (b"event: %b%b" % (event["type"].encode(), newline) if named else b"" for event in events)
    return b"".join(
        b"%bdata: %b%b" % (name, orjson.dumps(event), newline * 2) for name, event in zip(head, events, strict=True)
    )


CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_a", "name": "f", "arguments": '{"a":"é"}'}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "U0lH"}
USED = {"input_tokens": 14, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 3}}
RESPONSES: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**THOUGHT, "summary": []}},
    {"type": "response.reasoning_summary_part.added", "output_index": 0},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"},
    {"type": "response.output_item.done", "output_index": 0, "item": THOUGHT},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Olá: 🎼\n"},
    {"type": "response.output_item.added", "output_index": 2, "item": {**CALL, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":"é"}'},
    {"type": "response.function_call_arguments.done", "output_index": 2, "arguments": '{"a":"é"}'},
    {"type": "response.something.new", "delta": "?"},
    {"type": "response.output_item.done", "output_index": 2, "item": CALL},
    {"type": "response.completed", "response": {"status": "completed", "model": "m-1", "usage": USED}},
]
bridged = by_family(lambda teller: Bridged(model="m", created=1, teller=teller, is_quiet=False))

STREAMS: dict[str, tuple[Play, bytes]] = {
    **{
        f"anthropic {path.stem}": (by_anthropic, path.read_bytes())
        for path in sorted((FILES / "anthropic/streams").glob("*.sse"))
    },
    **{
        f"gemini {path.stem}": (by_gemini, framed(orjson.loads(path.read_bytes())["pieces"], newline=b"\r\n"))
        for path in sorted((FILES / "gemini/answers").glob("*.json"))
    },
    **{
        api.id: (
            family(api),
            "\n".join(orjson.loads((FILES / f"openai_family/{api.id}.json").read_bytes())["stream"]["given"]).encode()
            + b"\n\n",
        )
        for api in TABLE
        if api.dialect == "openai"
    },
    "gemini error": (by_gemini, framed([{"error": {"code": 503, "message": "é"}}], newline=b"\r\n")),
    "responses": (bridged, framed(RESPONSES, named=True)),
    "responses cut": (bridged, framed(RESPONSES[:-1], named=True)),
    "responses failed": (
        bridged,
        framed([*RESPONSES[:6], {"type": "error", "code": "rate_limit_exceeded", "message": "é"}], named=True),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_split_says_the_same(name: str, cuts: list[int]) -> None:
    """In a character, a line, an event, or between a CR and its LF: the same deltas, the same end, the same error."""
    play, data = STREAMS[name]
    places = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    assert play([data[start:end] for start, end in itertools.pairwise(places)]) == play([data])


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_it_says_the_same(name: str) -> None:
    """The worst network there is; and each stream says something."""
    play, data = STREAMS[name]
    whole = play([data])
    assert whole
    assert play([data[at : at + 1] for at in range(len(data))]) == whole
