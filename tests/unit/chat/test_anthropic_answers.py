"""Answers in Anthropic's dialect: golden streams and answers, in any split, with anything between the events."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat import sse
from batuta.chat.dialects.anthropic import AnswerReader, decode_message, finish_of
from batuta.chat.dialects.openai import InBandError
from batuta.chat.types import Delta, FinishReason, Usage
from tests.unit.chat.anthropic_golden import golden, names, plain, read, stream

STREAMS = names("streams", ".sse")


@pytest.mark.parametrize("name", STREAMS)
def test_golden_streams(name: str) -> None:
    """Each stream becomes these deltas."""
    case = golden("streams", name)
    assert read(stream(name), answer_tool=case.get("answer_tool", "")) == case["deltas"]


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 10_000), max_size=8).map(tuple))
def test_any_split_gives_the_same_deltas(name: str, cuts: tuple[int, ...]) -> None:
    """Wherever the network cuts, in a character, a line or an event, the deltas are the same."""
    case = golden("streams", name)
    assert read(stream(name), answer_tool=case.get("answer_tool", ""), cuts=cuts) == case["deltas"]


@pytest.mark.parametrize("name", names("whole"))
def test_golden_answers(name: str) -> None:
    """Each whole answer becomes this delta."""
    case = golden("whole", name)
    said = decode_message(case["answer"], answer_tool=case.get("answer_tool", ""))
    assert said is not None
    assert plain(said) == case["delta"]


@pytest.mark.parametrize("body", [None, [], {}, {"type": "message"}, {"type": "completion", "content": []}])
def test_what_is_no_answer_is_none(body: Any) -> None:
    """Other JSON is not taken for an answer."""
    assert decode_message(body) is None


def test_an_error_in_place_of_an_answer_is_one() -> None:
    """Its kind and words are kept."""
    body = {"type": "error", "error": {"type": "api_error", "message": "No."}, "request_id": "req_1"}
    assert decode_message(body) == InBandError("No.", "api_error")


def test_the_end_is_told_at_the_end() -> None:
    """A stop reason is no end: only `message_stop` is, and it carries finish and usage."""
    reader = AnswerReader()
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 1}}}
    reason = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 2}}
    said = [(reader.take(orjson.dumps(event)), reader.is_done) for event in (start, reason, {"type": "message_stop"})]
    assert said == [
        (None, False),
        (None, False),
        (Delta(usage=Usage(prompt_tokens=1, completion_tokens=2), finish=FinishReason.LENGTH), True),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "index", "text"]), inner),
    max_leaves=4,
)
KINDS = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"]
FIELDS = ["message", "content_block", "delta", "usage", "index", "error"]
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "thinking", "text_delta", "input_json_delta", "signature_delta"])},
    optional=dict.fromkeys(("text", "partial_json", "signature", "input", "id", "name", "stop_reason"), JSON),
)
EVENTS = st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional=dict.fromkeys(FIELDS, JSON | BLOCKS))


@given(st.lists(EVENTS | JSON, max_size=6))
def test_nothing_that_a_server_says_breaks_the_reader(events: list[Any]) -> None:
    """Fields of any type in any order are read as far as they make sense; nothing is raised, all can be told on."""
    reader = AnswerReader(answer_tool="a")
    for event in [*events, {"type": "message_stop"}]:
        said = reader.take(orjson.dumps(event))
        if said is not None:
            orjson.dumps(plain(said))
    assert reader.is_done


def test_garbage_between_good_events_is_skipped() -> None:
    """A line that is no JSON costs nothing but itself."""
    data = stream("two_calls").replace(b"event: ping", sse.encode(b"{not json") + b"event: ping", 1)
    assert read(data) == golden("streams", "two_calls")["deltas"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("pause_turn", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALLS),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("a_word_of_tomorrow", FinishReason.STOP),
        (None, None),
        ("", None),
    ],
)
def test_each_reason_to_stop_has_its_word(reason: str | None, finish: FinishReason | None) -> None:
    """Anthropic's words become the common ones; one that nobody knows means that the model stopped by itself."""
    assert finish_of({"stop_reason": reason}) is finish


def test_counts_are_of_the_whole_answer() -> None:
    """The last word on each counts, also behind the stop reason; a nought takes no count away."""
    reader = AnswerReader()
    for event in (
        {"type": "message_start", "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 4}}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 0, "output_tokens": 5},
        },
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "cache_read_input_tokens": None}},
    ):
        reader.take(orjson.dumps(event))
    assert reader.take(b'{"type":"message_stop"}') == Delta(usage=Usage(14, 9, 4), finish=FinishReason.STOP)
