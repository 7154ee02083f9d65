"""The fake providers are strict: what the originals refuse, they refuse, in the provider's status and words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from batuta.testing.providers import key_of
from tests.unit.testing.providers_play import (
    ASKINGS,
    CHAT_TOOLS,
    CLAUDE_TOOLS,
    GEMINI_TOOLS,
    SCHEMA,
    VERSION,
    calling,
)

# --- what is refused -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strict:
    """A request that a provider refuses, and what it says.

    Attributes:
        provider: that is asked.
        fields: of the body.
        status: of the refusal.
        phrase: in its body.
        headers: that go along.
    """

    provider: str
    fields: dict[str, Any]
    status: int
    phrase: str
    headers: dict[str, str] = field(default_factory=dict)


NEWEST = {"anthropic-version": "2026-10-21"}
USER = {"role": "user", "content": "go"}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
USING = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
FORGED = {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "eA=="}]}
UNSIGNED = [
    {"role": "user", "parts": [{"text": "go"}]},
    {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "42"}}}]},
]
STRICT = (
    Strict("openai", {"flavour": 1}, 400, "Unknown parameter: 'flavour'"),
    Strict("openai", {"model": "gpt-5.4", "tools": CHAT_TOOLS, "reasoning_effort": "low"}, 400, '"reasoning_effort"'),
    Strict("openai", {"model": "gpt-5.6-terra", "tools": CHAT_TOOLS}, 400, "use /v1/responses"),
    Strict("openai", {"model": "gpt-6-astra", "reasoning_effort": "none"}, 400, "unsupported_value"),
    Strict("openai", {"model": "gpt-5.6-terra", "max_tokens": 9}, 400, "max_completion_tokens"),
    Strict("openai", {"model": "gpt-5.6-terra", "temperature": 0.2}, 400, '"param":"temperature"'),
    Strict("openai", {"stream_options": {"include_usage": True}}, 400, "only allowed when"),
    Strict("openai", {"response_format": {"type": "json_object"}}, 400, "contain the word 'json'"),
    Strict("openai", {"messages": [USER, CALLING, USER]}, 400, "must be followed by tool messages"),
    Strict("openai", {"messages": [{"role": "tool", "tool_call_id": "c", "content": ""}]}, 400, "preceding message"),
    Strict("openai", {"tool_choice": "required"}, 400, "only allowed when 'tools'"),
    Strict("anthropic", {"temperature": 1.0}, 400, "temperature: Extra inputs", NEWEST),
    Strict("anthropic", {"model": "claude-opus-4-7", "temperature": 0.2}, 400, "`temperature` is deprecated"),
    Strict("anthropic", {"temperature": 0.5, "top_p": 0.5}, 400, "cannot both be specified"),
    Strict("anthropic", {"frequency_penalty": 1}, 400, "Extra inputs are not permitted"),
    Strict("anthropic", {"max_tokens": None}, 400, "max_tokens: Field required"),
    Strict(
        "anthropic", {"model": "claude-opus-4-7", "messages": [USER, {**USER, "role": "assistant"}]}, 400, "prefill"
    ),
    Strict("anthropic", {"messages": [USER, USING, USER]}, 400, "tool_result"),
    Strict("anthropic", {"messages": [USER, FORGED, USER]}, 400, "Invalid `signature`"),
    Strict("anthropic", {"model": "claude-opus-4-7", **THINKING}, 400, "thinking.type.adaptive"),
    Strict("anthropic", {"tools": CLAUDE_TOOLS, "tool_choice": {"type": "any"}, **THINKING}, 400, "forces tool use"),
    Strict(
        "anthropic",
        {
            "messages": [USER, USING, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]}],
            "tools": CLAUDE_TOOLS,
            **THINKING,
        },
        400,
        "Expected `thinking`",
    ),
    Strict("anthropic", {}, 400, "is not a valid version", {"anthropic-version": "2020-01-01"}),
    Strict("google", {"model": "gemini-3-pro-preview", "contents": UNSIGNED}, 400, "missing a thought_signature"),
    Strict("google", {"contents": UNSIGNED[:2]}, 400, "number of function response parts"),
    Strict("google", {"flavour": 1}, 400, 'Unknown name \\"flavour\\"'),
    Strict("google", {"generationConfig": {"maxTokens": 1}}, 400, "maxTokens"),
    Strict("google", {"generationConfig": {"responseJsonSchema": SCHEMA}}, 400, "response mime type"),
    Strict("mistral", {"stream_options": {}}, 422, '"loc":["body","stream_options"]'),
    Strict("mistral", {"max_completion_tokens": 9}, 422, "extra_forbidden"),
    Strict("mistral", {"seed": 9}, 422, "extra_forbidden"),
    Strict("mistral", {"messages": [USER, {**USER, "role": "assistant"}]}, 400, "Expected last role User or Tool"),
    Strict("cohere", {"top_p": 0.5}, 422, "parameter 'top_p' is not a valid field"),
    Strict("cohere", {"tool_choice": "auto", "tools": CHAT_TOOLS}, 400, "REQUIRED, NONE"),
    Strict("ai21", {"seed": 1}, 422, "Extra inputs"),
    Strict("groq", {"logprobs": True}, 400, "property 'logprobs'"),
    Strict("xai", {"model": "grok-4", "stop": ["x"]}, 400, "Argument not supported"),
    Strict("genspark", {"model": "gpt-5.4", "temperature": 0.2}, 400, "temperature"),
    Strict("genspark", {"thinking": {"type": "adaptive"}}, 422, '"status":-2'),
    Strict("genspark", {"model": "gpt-4o"}, 400, "Allowed models"),
)


@pytest.mark.parametrize("case", STRICT, ids=lambda case: f"{case.provider}-{case.phrase}")
async def test_what_a_provider_does_not_take_is_refused(case: Strict) -> None:
    """In the provider's status and words."""
    async with calling() as caller:
        asking = ASKINGS[case.provider]
        fields = dict(case.fields)
        path = asking.path
        if case.provider == "google":
            path = path.replace("gemini-2.5-flash", fields.pop("model", "gemini-2.5-flash"))
        headers = asking.headers(key_of(case.provider)) | case.headers
        answer = await caller.send("POST", path, asking.body() | fields, headers)
        assert answer.status == case.status, answer.data
        assert case.phrase in answer.data.decode()


async def test_the_same_without_the_fault_is_taken() -> None:
    """None of the refusals above is a blunt no: a small change is answered."""
    async with calling() as caller:
        accepted: list[tuple[str, dict[str, Any]]] = [
            ("openai", {"model": "gpt-5.4", "tools": CHAT_TOOLS}),
            ("openai", {"model": "gpt-5.6-terra", "tools": CHAT_TOOLS, "reasoning_effort": "none"}),
            ("openai", {"model": "gpt-5.6-terra", "max_completion_tokens": 9, "temperature": 1}),
            ("anthropic", {"temperature": 1.0}),
            ("anthropic", {"model": "claude-opus-4-7", "temperature": 1}),
            ("anthropic", {"model": "claude-opus-4-7", "thinking": {"type": "adaptive"}}),
            ("mistral", {"random_seed": 9, "max_tokens": 9}),
            ("cohere", {"p": 0.5}),
        ]
        for provider, fields in accepted:
            answer = await caller.ask(provider, **fields)
            assert answer.status == 200, (provider, fields, answer.data)


async def test_a_signed_call_may_come_back() -> None:
    """With the signature it had, or the known placeholder; with another, or on other arguments, it may not."""
    async with calling() as caller:

        async def back(signature: str, arguments: dict[str, Any]) -> int:
            turns = json.loads(json.dumps(UNSIGNED))
            turns[1]["parts"][0] |= {"thoughtSignature": signature}
            turns[1]["parts"][0]["functionCall"]["args"] = arguments
            return (await caller.ask("google", model="gemini-3-pro-preview", contents=turns)).status

        made = await caller.ask("google", "go", model="gemini-3-pro-preview", tools=GEMINI_TOOLS)
        part = made.json["candidates"][0]["content"]["parts"][0]
        signature, arguments = part["thoughtSignature"], part["functionCall"]["args"]
        assert await back(signature, arguments) == 200
        assert await back("skip_thought_signature_validator", {}) == 200
        assert await back(signature, {"a": 77}) == 400
        assert await back("U0lH", arguments) == 400
        earlier = [*UNSIGNED, {"role": "model", "parts": [{"text": "ok"}]}, {"role": "user", "parts": [{"text": "x"}]}]
        answer = await caller.ask("google", model="gemini-3-pro-preview", contents=earlier)
        assert answer.status == 200  # turns that are over are not checked


RESPONSES_REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"max_output_tokens": 3}, "integer_below_min_value"),
    ({"previous_response_id": "resp_1"}, "previous_response_not_found"),
    ({"tools": CHAT_TOOLS}, "tools[0].name"),
    ({"messages": []}, "Unknown parameter"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "No tool output found"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]}, "No tool call found"),
    ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "invalid_encrypted_content"),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "Supported values are"),
    ({"reasoning": {"effort": "low"}, "model": "gpt-4.1-mini"}, "unsupported_parameter"),
)


@pytest.mark.parametrize(("fields", "phrase"), RESPONSES_REFUSED, ids=lambda part: str(part)[:40])
async def test_responses_are_strict(fields: dict[str, Any], phrase: str) -> None:
    """Items must fit together, and fields of the other API are unknown here."""
    async with calling() as caller:
        headers = {"authorization": f"Bearer {key_of('openai')}"}
        body = {"model": "gpt-5.4", "input": "go"} | fields
        answer = await caller.send("POST", "/openai/v1/responses", body, headers)
        assert answer.status == 400, answer.data
        assert phrase in answer.data.decode()


async def test_too_many_words_are_refused() -> None:
    """A conversation that is longer than the model's context has an error that says so."""
    async with calling() as caller:
        headers = VERSION | {"x-api-key": key_of("anthropic")}
        body = ASKINGS["anthropic"].body("w " * 200_001)
        answer = await caller.send("POST", "/anthropic/v1/messages", body, headers)
        assert (answer.status, "prompt is too long" in answer.data.decode()) == (400, True)
