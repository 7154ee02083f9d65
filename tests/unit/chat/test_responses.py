"""Answers of the Responses API, read as deltas."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat.dialects.openai import InBandError
from batuta.chat.dialects.responses import ResponsesReader, decode_response
from batuta.chat.types import Delta, FinishReason, ToolCall, Usage

USAGE = {
    "input_tokens": 14,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 23,
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "f", "arguments": '{"a":1}'}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "SEALED",
}
DETAILS = {
    "type": "reasoning.encrypted",
    "data": "SEALED",
    "id": "rs_1",
    "format": "openai-responses-v1",
    "summary": "hm",
}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(words: str) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": []}


def read(reader: ResponsesReader, kind: str, **fields: Any) -> Delta | InBandError | None:
    return reader.read(orjson.dumps({"type": kind, **fields}))


def test_a_call_is_told_in_pieces() -> None:
    """Its id and name first, then its arguments; what is repeated at the end is not said twice."""
    reader = ResponsesReader()
    begun = read(reader, "response.output_item.added", output_index=2, item={**CALL, "arguments": ""})
    assert begun == Delta(tool_calls=(ToolCall(0, "call_a", "f", ""),))
    piece = read(reader, "response.function_call_arguments.delta", output_index=2, delta='{"a"')
    assert piece == Delta(tool_calls=(ToolCall(0, None, None, '{"a"'),))
    assert read(reader, "response.function_call_arguments.done", output_index=2, arguments='{"a":1}') is None
    assert read(reader, "response.output_item.done", output_index=2, item=CALL) is None


def test_arguments_that_come_at_once_are_told() -> None:
    """Where no pieces came before."""
    reader = ResponsesReader()
    read(reader, "response.output_item.added", output_index=0, item=CALL)
    whole = read(reader, "response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    assert whole == Delta(tool_calls=(ToolCall(0, None, None, '{"a":1}'),))


def test_several_calls_have_places_of_their_own() -> None:
    """Other items between them do not count."""
    reader = ResponsesReader()
    read(reader, "response.output_item.added", output_index=0, item=THOUGHT)
    first = read(reader, "response.output_item.added", output_index=1, item=CALL)
    second = read(reader, "response.output_item.added", output_index=3, item={**CALL, "call_id": "call_b"})
    places = [delta.tool_calls[0].index for delta in (first, second) if isinstance(delta, Delta)]
    assert places == [0, 1]


def test_thoughts_are_told_and_kept() -> None:
    """Their summaries as they come, a line between two; the sealed ones in a form that comes back."""
    reader = ResponsesReader()
    assert read(reader, "response.reasoning_summary_part.added") is None
    assert read(reader, "response.reasoning_summary_text.delta", delta="hm") == Delta(reasoning="hm")
    assert read(reader, "response.reasoning_summary_part.added") == Delta(reasoning="\n\n")
    assert read(reader, "response.output_item.done", item=THOUGHT) == Delta(extra={"reasoning_details": [DETAILS]})


def test_a_refusal_is_told_as_one() -> None:
    """It is no text."""
    assert read(ResponsesReader(), "response.refusal.delta", delta="no") == Delta(extra={"refusal": "no"})


@pytest.mark.parametrize(
    ("kind", "response", "finish"),
    [
        ("completed", {"status": "completed"}, FinishReason.STOP),
        (
            "incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            FinishReason.LENGTH,
        ),
        (
            "incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            FinishReason.CONTENT_FILTER,
        ),
    ],
)
def test_the_end_says_why_and_what_it_took(kind: str, response: dict[str, Any], finish: FinishReason) -> None:
    """And nothing after it counts."""
    reader = ResponsesReader()
    end = read(reader, f"response.{kind}", response={**response, "usage": USAGE, "model": "m-1"})
    assert end == Delta(finish=finish, usage=Usage(14, 9, 4, 3), model="m-1")
    assert reader.is_done
    assert read(reader, "response.output_text.delta", delta="late") is None


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "no"}}},
            InBandError("no", "server_error"),
        ),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "no"}, InBandError("no", "rate_limit_exceeded")),
        ({"type": "error", "error": {"type": "x", "message": "no"}}, InBandError("no", "x")),
    ],
)
def test_a_failure_is_an_error(event: dict[str, Any], error: InBandError) -> None:
    """By the last event of a failed answer, or an event of its own."""
    assert ResponsesReader().read(orjson.dumps(event)) == error


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["type", "delta", "item", "response"]), st.none() | st.text() | st.lists(st.none())
    ).map(orjson.dumps)
)
def test_what_nobody_knows_is_passed_over(data: bytes) -> None:
    """Vendors add events without notice; whatever comes, reading it fails never."""
    ResponsesReader().read(data)


def test_a_whole_answer_is_one_delta() -> None:
    """Thoughts, words, calls, end and usage at once."""
    body = {
        "status": "completed",
        "model": "m-1",
        "output": [THOUGHT, message(text("I "), text("will")), CALL],
        "usage": USAGE,
        "error": None,
    }
    assert decode_response(body) == Delta(
        text="I will",
        reasoning="hm",
        tool_calls=(ToolCall(0, "call_a", "f", '{"a":1}'),),
        usage=Usage(14, 9, 4, 3),
        finish=FinishReason.TOOL_CALLS,
        model="m-1",
        extra={"reasoning_details": [DETAILS]},
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, None),
        ({"output": "x"}, None),
        ({"error": {"message": "no", "code": "x"}}, InBandError("no", "x")),
        ({"status": "failed", "output": []}, InBandError("the answer failed, and nobody said why")),
        (
            {"output": [message({"type": "refusal", "refusal": "no"})]},
            Delta(finish=FinishReason.STOP, extra={"refusal": "no"}),
        ),
    ],
)
def test_a_whole_answer_that_is_none(body: Any, expected: Any) -> None:
    """No answer, an error, a refusal."""
    assert decode_response(body) == expected


def test_arguments_may_come_with_the_end_of_their_item() -> None:
    """Where neither pieces nor the whole came before; and only then."""
    reader = ResponsesReader()
    read(reader, "response.output_item.added", output_index=0, item={**CALL, "arguments": ""})
    whole = read(reader, "response.output_item.done", output_index=0, item=CALL)
    assert whole == Delta(tool_calls=(ToolCall(0, None, None, '{"a":1}'),))
    assert read(reader, "response.function_call_arguments.done", output_index=0, arguments='{"a":1}') is None
