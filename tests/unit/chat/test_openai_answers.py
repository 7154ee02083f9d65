"""Answers in OpenAI's dialect, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.dialects import openai
from batuta.chat.dialects.openai import DONE, InBandError
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta, FinishReason, ToolCall, Usage
from batuta.errors import BadRequest, BatutaBug, BatutaError, Cause, ModelFailed, QueueFull, UpstreamFailed

CALLS = st.builds(
    ToolCall,
    index=st.integers(0, 3),
    id=st.none() | st.text(min_size=1, max_size=3),
    name=st.none() | st.text(min_size=1, max_size=3),
    arguments=st.text(max_size=5),
)
DELTAS = st.builds(
    Delta,
    text=st.text(max_size=5),
    reasoning=st.text(max_size=5),
    tool_calls=st.lists(CALLS, max_size=2).map(tuple),
    finish=st.none() | st.sampled_from(FinishReason),
    model=st.just("m"),
)


FIELDS = st.sampled_from(["choices", "delta", "error", "usage", "index", "tool_calls", "function"])
ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=8,
)


def event(**body: Any) -> Any:
    return openai.decode_event(orjson.dumps(body))


def choice(delta: Any, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


@settings(max_examples=100)
@given(DELTAS)
def test_a_delta_survives_its_encoding(delta: Delta) -> None:
    """What is encoded is decoded back, unless it says nothing."""
    events = SSEParser().feed(openai.encode_delta(delta, answer_id="a", model="m", created=1))
    if events:
        assert openai.decode_event(events[0].data) == delta
    else:
        assert delta == Delta(model="m")


def test_usage_has_an_event_of_its_own() -> None:
    """Usage beside a finish goes out after it, with empty choices, as OpenAI does."""
    delta = Delta(finish=FinishReason.STOP, usage=Usage(3, 4, 1, 2))
    first, second = SSEParser().feed(openai.encode_delta(delta, answer_id="a", model="m", created=1))
    assert "usage" not in orjson.loads(first.data)
    assert orjson.loads(second.data)["choices"] == []
    assert openai.decode_event(second.data) == Delta(usage=Usage(3, 4, 1, 2), model="m")


def test_the_first_event_names_the_role() -> None:
    """Clients read the role from the first event."""
    data = openai.encode_delta(Delta(), answer_id="a", model="m", created=1, is_first=True)
    assert orjson.loads(SSEParser().feed(data)[0].data)["choices"][0]["delta"] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"choices": [choice({"content": None})]}, Delta()),
        ({"choices": [choice({"content": "a"})], "model": "x"}, Delta(text="a", model="x")),
        ({"choices": [choice({"content": [{"type": "text", "text": "a"}]})]}, Delta(text="a")),
        ({"choices": [choice({"reasoning_content": "r"})]}, Delta(reasoning="r")),
        ({"choices": [choice({"reasoning": "r"})]}, Delta(reasoning="r")),
        ({"choices": [choice({}, "tool_use")]}, Delta(finish=FinishReason.TOOL_CALLS)),
        ({"choices": [choice({}, "LENGTH")]}, Delta(finish=FinishReason.LENGTH)),
        ({"choices": [choice({}, "eos")]}, Delta(finish=FinishReason.STOP)),
        ({"choices": [choice(None)]}, Delta()),
        ({"choices": [{"text": "a", "index": 0}]}, Delta(text="a")),
        ({"choices": [{"index": 1, "delta": {"content": "second"}}]}, None),
        ({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": -2}}, Delta(usage=Usage(1, 0))),
        ({"choices": [], "usage": {"prompt_tokens": "many"}}, Delta(usage=Usage())),
        ({"choices": []}, None),
        ({"error": "gone"}, InBandError("gone")),
        ({"error": {"message": "m", "type": "t", "code": 503}}, InBandError("m", "t", 503)),
        ({"error": {"message": "m", "code": "429"}}, InBandError("m", "429", 429)),
        ({"error": {"message": "m", "code": "insufficient_quota"}}, InBandError("m", "insufficient_quota")),
        ({"error": {"odd": 1}}, InBandError('{"odd":1}')),
        ({"error": None, "choices": [choice({"content": "a"})]}, Delta(text="a")),
    ],
)
def test_events_are_read_generously(body: dict[str, Any], expected: object) -> None:
    """Nulls, parts, other vendors' words and missing fields all have a meaning."""
    assert event(**body) == expected


def test_tool_calls_of_careless_servers() -> None:
    """A missing index is the position, arguments as an object become text, nulls become nothing."""
    calls = [{"function": {"name": "a", "arguments": {"x": 1}}}, {"id": "", "function": {"arguments": None}}, "junk"]
    delta = event(choices=[choice({"tool_calls": calls})])
    assert delta.tool_calls == (ToolCall(0, None, "a", '{"x":1}'), ToolCall(1, None, None, ""))


@settings(max_examples=100)
@given(ANYTHING)
def test_no_json_breaks_the_reader(body: Any) -> None:
    """Whatever JSON arrives, the reader returns or passes over it; it never raises."""
    try:
        data = orjson.dumps(body)
    except TypeError:  # integers beyond 64 bits are no JSON of ours
        return
    openai.decode_event(data)
    openai.decode_completion(orjson.loads(data))
    openai.decode_embeddings(orjson.loads(data))


def test_the_end_marker() -> None:
    """[DONE] is the end, with or without space around it."""
    assert openai.decode_event(b" [DONE] ") is DONE


def test_a_whole_answer_is_put_together() -> None:
    """Text, reasoning, calls in pieces, finish and usage become one JSON answer, and read back as one delta."""
    deltas = [
        Delta(reasoning="hm"),
        Delta(text="a"),
        Delta(text="b", tool_calls=(ToolCall(0, "c", "f", '{"x"'),)),
        Delta(tool_calls=(ToolCall(0, None, None, ":1}"),), extra={"mood": "merry"}),
        Delta(finish=FinishReason.TOOL_CALLS),
        Delta(usage=Usage(1, 2)),
    ]
    whole = openai.encode_completion(deltas, answer_id="id", model="m", created=1)
    assert whole["usage"]["total_tokens"] == 3
    assert openai.decode_completion(orjson.loads(orjson.dumps(whole))) == Delta(
        text="ab",
        reasoning="hm",
        tool_calls=(ToolCall(0, "c", "f", '{"x":1}'),),
        usage=Usage(1, 2),
        finish=FinishReason.TOOL_CALLS,
        model="m",
        extra={"mood": "merry"},
    )


def test_a_vendors_own_fields_of_a_call_are_told() -> None:
    """A signature beside a call's function is read, and told in a stream and in a whole answer, whatever its piece."""
    extra = {"extra_content": {"google": {"thought_signature": "abc"}}}
    calls = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}, **extra}]
    delta = event(choices=[choice({"tool_calls": calls})])
    assert delta.tool_calls == (ToolCall(0, "c", "f", "", extra),)
    late = Delta(tool_calls=(ToolCall(0, None, None, "{}", {"more": 1}),))
    [piece] = orjson.loads(openai.encode_delta(delta, answer_id="id", model="m", created=1)[6:])["choices"]
    whole = openai.encode_completion([delta, late], answer_id="id", model="m", created=1)
    assert piece["delta"]["tool_calls"][0]["extra_content"] == extra["extra_content"]
    assert whole["choices"][0]["message"]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **extra, "more": 1}
    ]


def test_vectors_are_put_in_order() -> None:
    """Rows are sorted by their index; a body without rows is no answer."""
    body = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}], "usage": {"prompt_tokens": 2}}
    assert openai.decode_embeddings(body) == (((1.0,), (2.0,)), Usage(2))
    assert openai.decode_embeddings({"data": [{"embedding": ["x"]}]}) is None
    assert openai.decode_embeddings({"data": [{}]}) is None
    assert openai.decode_embeddings({"error": "no"}) == InBandError("no")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequest("x", details={"param": "top_p"}), "invalid_request_error"),
        (ModelFailed("x"), "model_error"),
        (UpstreamFailed("x"), "upstream_error"),
        (QueueFull("x"), "server_error"),
        (BatutaBug("x"), "server_error"),
    ],
)
def test_errors_have_openais_fields(error: BatutaError, kind: str) -> None:
    """message, type, code and param are always there; the rest only where it is known."""
    body = openai.error_body(error)["error"]
    assert (body["message"], body["type"], body["code"]) == ("x", kind, error.code)
    assert body["param"] == error.details.get("param")
    assert set(body) == {"message", "type", "code", "param"}


def test_errors_say_what_batuta_knows() -> None:
    """Model, cause, suggestion and the wait go out beside OpenAI's fields, in-band as well."""
    error = ModelFailed("x", model="m", cause=Cause.CRASH, suggestion="n", retry_after_s=0.0, details={"free": 1})
    body = orjson.loads(SSEParser().feed(openai.encode_error(error))[0].data)["error"]
    assert body["model"] == "m"
    assert body["cause"] == "crash"
    assert body["suggestion"] == "n"
    assert body["retry_after_s"] == 0.0
    assert body["details"] == {"free": 1}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(10, 5, 4)),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 3}, "prompt_cache_hit_tokens": 4},
            Usage(10, 0, 3),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(10, 12, 0, 7),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 9,
                "total_tokens": 19,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(10, 9, 0, 7),
        ),
    ],
    ids=["DeepSeek's cache", "OpenAI's cache", "thoughts beside the answer", "thoughts in it"],
)
def test_usage_is_counted_as_openai_counts(usage: dict[str, Any], expected: Usage) -> None:
    """Whatever a vendor calls what it read from its cache, and wherever it counts what was thought."""
    assert event(choices=[], usage=usage).usage == expected


def test_what_a_stream_tells_in_pieces_is_put_together() -> None:
    """A refusal's words and sealed thoughts go on; of any other field of a vendor's the last word counts."""
    pieces: list[dict[str, Any]] = [
        {"refusal": "I ", "reasoning_details": [1], "mood": "a"},
        {"refusal": "won't", "reasoning_details": [2], "mood": "b"},
    ]
    whole = openai.encode_completion([Delta(extra=each) for each in pieces], answer_id="a", model="m", created=1)
    message = whole["choices"][0]["message"]
    assert {name: message[name] for name in pieces[0]} == {
        "refusal": "I won't",
        "reasoning_details": [1, 2],
        "mood": "b",
    }
