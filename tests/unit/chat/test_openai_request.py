"""Chat requests in OpenAI's dialect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.dialects.openai import chat_body, parse_chat
from batuta.errors import BadRequest

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant"]), "content": st.none() | st.text(max_size=9)},
    optional={
        "name": st.text(max_size=5),
        "tool_calls": st.just([CALL]),
        "tool_call_id": st.text(max_size=5),
        "reasoning_content": st.text(max_size=5),
    },
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGES, min_size=1, max_size=3)},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 99),
        "max_completion_tokens": st.integers(1, 99),
        "stop": st.lists(st.text(max_size=3), min_size=1, max_size=3),
        "seed": st.integers(0, 99),
        "n": st.integers(2, 5),
        "stream": st.just(True),
        "stream_options": st.just({"include_usage": True}),
        "response_format": st.just({"type": "json_object"}),
        "tools": st.just([{"type": "function", "function": {"name": "f"}}]),
        "min_p": st.floats(0, 1),
    },
)


@settings(max_examples=100)
@given(BODIES)
def test_nothing_is_lost_on_the_way(body: dict[str, Any]) -> None:
    """What a caller wrote comes out as it went in, fields unknown to us included."""
    both = {"max_tokens", "max_completion_tokens"}
    expected = {key: value for key, value in body.items() if key != "max_tokens" or not both <= body.keys()}
    assert chat_body(parse_chat(body), model="m") == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"model": "a\u202eb"}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{**USER, "name": 3}]}, "messages[0].name"),
        ({"messages": [{**USER, "tool_calls": [{"function": 1}]}]}, "messages[0].tool_calls[0]"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 1e9}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": float("nan")}, "top_p"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 1000}, "n"),
        ({"seed": 2**70}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"stop": ["x"] * 100}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
    ],
)
def test_what_no_backend_could_mean_is_refused(change: dict[str, Any], field: str) -> None:
    """A wrong field is named, with what it should be, before any backend is asked."""
    with pytest.raises(BadRequest) as caught:
        parse_chat({"model": "m", "messages": [USER], **change})
    assert caught.value.details["param"] == field
    assert f"`{field}`" in caught.value.message


def test_a_body_that_is_no_object_is_refused() -> None:
    """A list, a text or a number is no chat."""
    with pytest.raises(BadRequest, match="JSON object"):
        parse_chat([1])


def test_a_vendors_own_fields_of_a_call_come_back() -> None:
    """Signatures and the like inside a tool call survive."""
    call = {**CALL, "extra_content": {"google": {"thought_signature": "abc"}}}
    body = {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    assert chat_body(parse_chat(body), model="m") == body


def test_one_stop_is_a_list_of_one() -> None:
    """A single stop text means the same as a list with it."""
    assert parse_chat({"model": "m", "messages": [USER], "stop": "END"}).sampling.stop == ("END",)


def test_the_newer_name_of_the_limit_counts() -> None:
    """max_completion_tokens is the limit, and goes out under its own name."""
    request = parse_chat({"model": "m", "messages": [USER], "max_completion_tokens": 7})
    assert request.sampling.max_tokens == 7
    assert "max_tokens" not in chat_body(request, model="m")
