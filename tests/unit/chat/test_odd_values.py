"""Values of no type that a field should have, at every place of a request or an answer: nothing of ours falls over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from batuta.chat.dialects import openai
from batuta.chat.dialects.anthropic import decode_message
from batuta.chat.dialects.anthropic_request import Abilities, messages_body
from batuta.chat.dialects.gemini import Reader
from batuta.chat.dialects.gemini_request import Traits, chat_body
from batuta.chat.dialects.responses import ResponsesReader, decode_response, responses_body
from batuta.chat.types import ChatRequest, Delta
from batuta.errors import BadRequest
from tests.support.odd import with_odd

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {"a": {"format": "uri"}}}},
}
REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "S"}]},
        {"role": "user", "content": [{"type": "text", "text": "x"}, PICTURE, FILE]},
        {
            "role": "assistant",
            "content": "a",
            "refusal": "no",
            "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s", "at": [1, 0]}],
            "reasoning_details": [{"data": "S", "id": "r", "format": "openai-responses-v1", "summary": "s"}],
            "extra_content": {"google": {"thought_signature": "U0lH"}},
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "4"}]},
    ],
    "tools": [TOOL],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"schema": {"type": "object", "properties": {"a": {"anyOf": [{"minItems": 1}]}}}},
    },
    "reasoning_effort": "low",
    "reasoning": {"effort": "low", "summary": "auto"},
    "temperature": 1,
    "top_k": 1,
    "stop": ["x"],
    "user": "u",
    "service_tier": "auto",
    "modalities": ["text"],
    "verbosity": "low",
    "extra_body": {"google": {"thinking_config": {"include_thoughts": True}}},
}
OWN = {"thinking": {"type": "enabled"}, "output_config": {"effort": "low"}, "messages": REQUEST["messages"][1:2]}
NAMED = {"tool_choice": {"type": "function", "function": {"name": "f"}}, "response_format": {"type": "json_object"}}
WRITERS: dict[str, Callable[[ChatRequest], Any]] = {
    "anthropic": lambda request: (
        messages_body(
            request, model="m", abilities=Abilities(thinking="adaptive", efforts=("low",), has_schemas=True)
        ).body
    ),
    "anthropic, an older model": lambda request: (
        messages_body(request, model="m", abilities=Abilities(sampling="all", thinking="budget")).body
    ),
    "gemini": lambda request: chat_body(request, Traits(levels=("LOW",), is_signed=True)),
    "responses": lambda request: responses_body(request, model="m"),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("more", [{}, OWN, NAMED], ids=["all fields", "vendors' own", "a named tool"])
def test_whatever_is_asked_is_written_or_refused(writer: str, more: dict[str, Any]) -> None:
    """A caller's slip is the caller's to hear of, by a short message; it is never an error of Batuta's own."""
    for body in with_odd({**REQUEST, "model": "m", **more}):
        try:
            orjson.dumps(WRITERS[writer](openai.parse_chat(body)))
        except BadRequest as refused:
            assert len(refused.message) < 500  # noqa: PT017  # both ends are good


def told(said: Any) -> None:
    """Tell an answer on, whole and as an event."""
    if isinstance(said, Delta):
        orjson.dumps(openai.encode_completion([said, said], answer_id="a", model="m", created=1))
        openai.encode_delta(said, answer_id="a", model="m", created=1, is_first=True)


ANTHROPIC = {
    "type": "message",
    "model": "m",
    "content": [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
    ],
    "stop_reason": "refusal",
    "stop_details": {"type": "refusal", "explanation": "x"},
    "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
}
GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "x", "thought": True, "thoughtSignature": "S"},
                    {"functionCall": {"id": "i", "name": "f", "args": {"a": 1}}, "thoughtSignature": "S"},
                ]
            },
            "finishReason": "STOP",
            "finishMessage": "x",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 1},
    "modelVersion": "m",
}
RESPONSE = {
    "status": "incomplete",
    "model": "m",
    "output": [
        {"type": "reasoning", "id": "r", "summary": [{"text": "x"}], "encrypted_content": "E"},
        {"type": "message", "content": [{"type": "output_text", "text": "x"}, {"type": "refusal", "refusal": "n"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 1},
    "incomplete_details": {"reason": "max_output_tokens"},
}
CHAT = {
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "content": [{"type": "text", "text": "x"}],
                "tool_calls": [{"id": "a", "index": 0, "function": {"name": "f", "arguments": "{}"}}],
                "refusal": "x",
                "reasoning_details": [{}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}, "total_tokens": 2},
    "error": None,
}


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (decode_message, ANTHROPIC),
        (lambda body: Reader(lambda: "c").read(body), GEMINI),
        (decode_response, RESPONSE),
        (openai.decode_completion, CHAT),
    ],
    ids=["anthropic", "gemini", "responses", "openai"],
)
def test_whatever_is_answered_is_read_or_passed_over(read: Callable[[Any], Any], answer: dict[str, Any]) -> None:
    """A server's slip costs what it is in, and can be told on."""
    for body in with_odd(answer):
        told(read(body))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "call_id": "c"}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"},
        {"type": "response.output_item.done", "output_index": 0, "item": RESPONSE["output"][0]},  # type: ignore[index]
        {"type": "response.completed", "response": RESPONSE},
        {"type": "response.failed", "response": {"error": {"message": "x", "code": "y"}}},
        {"type": "error", "error": {"message": "x"}},
    ],
    ids=lambda event: event["type"],
)
def test_whatever_an_event_of_the_responses_api_says(event: dict[str, Any]) -> None:
    """The same of its stream."""
    for body in with_odd(event):
        told(ResponsesReader().read(orjson.dumps(body)))
