"""Chat requests in the words of the Responses API."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.chat.dialects.openai import parse_chat
from batuta.chat.dialects.responses import responses_body
from batuta.errors import BadRequest

F = {
    "name": "f",
    "description": "d",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
G = {"name": "g", "parameters": {"type": "object", "properties": {}}}
USER = {"role": "user", "content": "hi"}


def told(**fields: Any) -> dict[str, Any]:
    return responses_body(parse_chat({"model": "any", "messages": [USER], **fields}), model="m")


def items(*messages: dict[str, Any]) -> list[Any]:
    said: list[Any] = told(messages=list(messages))["input"]
    return said


def test_a_conversation_with_everything_in_it() -> None:
    """System, picture, call, answer, limit, tools, force, stream: each in its place."""
    call = {"id": "call_9", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    body = told(
        max_completion_tokens=77,
        messages=[
            {"role": "system", "content": "S"},
            {"role": "user", "content": [{"type": "text", "text": "what?"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_9", "content": "42"},
            {"role": "user", "content": "go"},
        ],
        tools=[{"type": "function", "function": F}, {"type": "function", "function": G}],
        tool_choice="required",
        parallel_tool_calls=False,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert body == {
        "model": "m",
        "instructions": "S",
        "max_output_tokens": 77,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "what?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                ],
            },
            {"type": "function_call", "call_id": "call_9", "name": "f", "arguments": '{"a":1}'},
            {"type": "function_call_output", "call_id": "call_9", "output": "42"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        ],
        "tools": [{"type": "function", **F, "strict": False}, {"type": "function", **G, "strict": False}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "stream": True,
    }


def test_only_what_begins_a_conversation_is_an_instruction() -> None:
    """Later words of the system stay where they were said."""
    body = told(
        messages=[
            {"role": "system", "content": "A"},
            {"role": "developer", "content": "B"},
            USER,
            {"role": "system", "content": "C"},
        ]
    )
    assert body["instructions"] == "A\n\nB"
    assert [item["role"] for item in body["input"]] == ["user", "system"]
    assert "instructions" not in told()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 5}, {"max_output_tokens": 16}),
        ({"temperature": 0.5, "top_p": 0.1}, {"temperature": 0.5, "top_p": 0.1}),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        (
            {"reasoning": {"summary": "auto"}, "reasoning_effort": "low"},
            {"reasoning": {"summary": "auto", "effort": "low"}},
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"response_format": {"type": "json_object"}}, {"text": {"format": {"type": "json_object"}}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}},
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
        ),
        ({"metadata": {"a": "b"}, "service_tier": "flex"}, {"metadata": {"a": "b"}, "service_tier": "flex"}),
        ({"store": True}, {"store": True}),
        ({"stop": ["x"], "seed": 1, "logit_bias": {"1": 2}, "presence_penalty": 1}, {}),
    ],
)
def test_options_go_where_the_api_has_them(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """And what it has no word for is left out."""
    assert told(**fields) == {**told(), **expected}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_choices_of_tools_lose_their_wrapper(choice: Any, expected: Any) -> None:
    """By word, by name, by list."""
    assert told(tools=[{"type": "function", "function": G}], tool_choice=choice)["tool_choice"] == expected


def test_tools_of_the_api_s_own_go_as_they_are() -> None:
    """A choice without tools is left out; `strict` stays as it was said."""
    assert told(tools=[{"type": "web_search"}])["tools"] == [{"type": "web_search"}]
    (strict,) = told(tools=[{"type": "function", "function": {**G, "strict": True}}])["tools"]
    assert strict["strict"] is True
    assert "tool_choice" not in told(tool_choice="none")


def test_what_was_thought_goes_before_what_was_done_with_it() -> None:
    """Sealed thoughts of this API come back as they were; those of others stay out."""
    details = [
        {
            "type": "reasoning.encrypted",
            "data": "SEALED",
            "id": "rs_1",
            "format": "openai-responses-v1",
            "summary": "s",
        },
        {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "ANOTHER'S", "id": "x", "format": "google-gemini-v1"},
    ]
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = items({"role": "assistant", "content": "x", "reasoning_details": details, "tool_calls": [call]})
    assert said[0] == {
        "type": "reasoning",
        "id": "rs_1",
        "encrypted_content": "SEALED",
        "summary": [{"type": "summary_text", "text": "s"}],
    }
    assert [item["type"] for item in said] == ["reasoning", "message", "function_call"]
    assert said[1]["content"] == [{"type": "output_text", "text": "x"}]


def test_refusals_files_and_answers_with_pictures() -> None:
    """Each kind of part has its own name."""
    assert items({"role": "assistant", "content": None, "refusal": "no"})[0]["content"] == [
        {"type": "refusal", "refusal": "no"}
    ]
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}}
    assert items({"role": "user", "content": [file]})[0]["content"] == [
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:,"}
    ]
    picture = {"type": "image_url", "image_url": {"url": "https://h/x.png", "detail": "low"}}
    (answer,) = items({"role": "tool", "tool_call_id": "c", "content": [picture]})
    assert answer["output"] == [{"type": "input_image", "image_url": "https://h/x.png", "detail": "low"}]
    (plain,) = items({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "4"}]})
    assert plain["output"] == "4"


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "function", "name": "f", "content": "42"}]},
        {"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}},
        {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
    ],
    ids=["several answers", "sound", "an old role", "sound as the answer", "calls that nobody could tell"],
)
def test_what_would_be_another_question_is_refused(fields: dict[str, Any]) -> None:
    """Rather than asked in part."""
    with pytest.raises(BadRequest):
        told(**fields)
