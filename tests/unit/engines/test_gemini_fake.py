"""Gemini's engine against the fake that refuses what Google refuses: whole conversations, and every mishap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.dialects import openai
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta, FinishReason
from batuta.engines.gemini.engine import GeminiEngine
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.testing.providers import FakeProviders, key_of
from batuta.vault.secret import Secret

MODELS = ("gemini-3-flash-preview", "gemini-2.5-flash")
HEAD: dict[str, Any] = {"answer_id": "chatcmpl-1", "model": "m", "created": 1}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("weather", "time")
]
USER = {"role": "user", "content": "How is Recife?"}


@dataclass(slots=True)
class Scene:
    """The engine and what it faces."""

    fakes: FakeProviders
    engine: GeminiEngine

    async def say(self, model: str, *, stream: bool, **fields: Any) -> dict[str, Any]:
        """Return the answer as a client of OpenAI's dialect has it in the end, finish and usage beside the message."""
        deltas = await self.deltas(model, stream=stream, **fields)
        body = openai.encode_completion(deltas, **HEAD) if not stream else assembled(deltas)
        return {**body["choices"][0], "usage": body["usage"]}

    async def deltas(self, model: str, *, stream: bool = True, **fields: Any) -> list[Delta]:
        spec = ModelSpec(f"google/{model}", "google", model)
        request = openai.parse_chat({"model": "x", "stream": stream, "messages": [USER], **fields})
        return [delta async for delta in self.engine.chat(spec, request)]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with FakeProviders() as fakes:
        transport = Transport()
        provider = Provider("google", "gemini", base_url=f"{fakes.url}/google/v1beta")
        yield Scene(fakes, GeminiEngine(provider, transport, key=Secret(key_of("google"))))
        await transport.aclose()


def assembled(deltas: list[Delta]) -> dict[str, Any]:
    """Put a stream's events together as a client does: texts joined, calls by their index, other fields kept."""
    parser = SSEParser()
    message: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
    rest: dict[str, Any] = {"usage": None, "finish_reason": None}
    for n, delta in enumerate(deltas):
        for event in parser.feed(openai.encode_delta(delta, **HEAD, is_first=not n)):
            chunk = orjson.loads(event.data)
            rest["usage"] = chunk.get("usage") or rest["usage"]
            for choice in chunk["choices"]:
                said = choice["delta"]
                message["content"] += said.pop("content", "") or ""
                calls = said.pop("tool_calls", [])
                message["tool_calls"] += [
                    {key: value for key, value in call.items() if key != "index"} for call in calls
                ]
                message |= said
                rest["finish_reason"] = choice["finish_reason"] or rest["finish_reason"]
    choice = {"message": message, "finish_reason": rest["finish_reason"]}
    return {"choices": [choice], "usage": rest["usage"]}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_with_tools_goes_round(model: str, stream: bool) -> None:
    """A forced call, its answer, and the words that follow: the fake refuses any signature but its own."""
    async with scene() as at:
        called = await at.say(model, stream=stream, tools=TOOLS, tool_choice="required")
        assert called["finish_reason"] == "tool_calls"
        calls = called["message"]["tool_calls"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "31 degrees"} for call in calls]
        said = await at.say(model, stream=stream, tools=TOOLS, messages=[USER, called["message"], *results])
        requests = at.fakes.asked("google")
    assert said["finish_reason"] == "stop"
    assert said["message"]["content"]
    assert said["usage"]["prompt_tokens"] > 0
    assert [seen.status for seen in requests] == [200, 200]


@pytest.mark.parametrize("given", ["nothing", "another's"])
async def test_calls_of_another_model_are_taken_over(given: str) -> None:
    """A conversation that began elsewhere goes on: without a signature at once, with a strange one on a second try."""
    extra = {"extra_content": {"google": {"thought_signature": "U0lH"}}} if given == "another's" else {}
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Recife"}'}, **extra}
    history = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "31 degrees"},
    ]
    async with scene() as at:
        said = await at.say(MODELS[0], stream=True, tools=TOOLS, messages=history)
        statuses = [seen.status for seen in at.fakes.asked("google")]
    assert said["finish_reason"] == "stop"
    assert statuses == ([400, 200] if extra else [200])


async def test_settings_that_the_fake_checks_are_taken() -> None:
    """A schema, an effort, stops and an image pass Google's own checks, and the answer fits the schema."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    for model in MODELS:
        async with scene() as at:
            said = await at.say(
                model,
                stream=True,
                messages=[
                    {"role": "system", "content": "S"},
                    {"role": "user", "content": [image, USER | {"type": "text", "text": "?"}]},
                ],
                response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
                reasoning_effort="low",
                temperature=0.3,
                stop=["END"],
                seed=2**40,
                presence_penalty=0.5,
            )
        assert isinstance(orjson.loads(said["message"]["content"])["city"], str)
        assert said["message"]["reasoning_content"]
        assert said["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


async def test_a_refused_field_is_dropped_and_remembered() -> None:
    """A 400 that names a field costs one call, once."""
    async with scene() as at:
        at.fakes.plan("google", "param-seed", times=5)
        for _ in range(2):
            assert (await at.say(MODELS[1], stream=True, seed=1))["finish_reason"] == "stop"
        assert [seen.status for seen in at.fakes.asked("google")] == [400, 200, 200]


async def test_the_list_is_the_fakes() -> None:
    """Models, their contexts and what they can do."""
    async with scene() as at:
        found = {model.address: model for model in await at.engine.list_models()}
        await at.engine.check_key()
    assert Capability.REASONING in found["gemini-3-pro-preview"].capabilities
    assert found["gemini-3-pro-preview"].context_length == 1_048_576
    assert found["gemini-embedding-001"].capabilities == {Capability.EMBEDDING}


BEFORE = {
    "bad-key": "key_invalid",
    "forbidden": "permission_denied",
    "no-credit": "out_of_credit",
    "spent": "out_of_credit",
    "rate": "upstream_rate_limited",
    "daily": "out_of_credit",
    "429-retry-info-7": "upstream_rate_limited",
    "overloaded": "upstream_overloaded",
    "context": "context_full",
    "500": "upstream_failed",
    "503": "upstream_overloaded",
    "504": "upstream_timeout",
    "html-502": "upstream_failed",
    "empty": "upstream_failed",
    "garbage": "upstream_failed",
    "redirect": "upstream_failed",
    "error-200": "upstream_failed",
    "finish-BLOCKED": "content_refused",
}
AFTER = ("cut-1", "close-1", "end-1", "error-1", "error-named-1", "long-2000000", "no-finish")
HARMLESS = (
    "lf",
    "pad-40",
    "no-space",
    "comments",
    "bad-event",
    "multiline",
    "split-1",
    "joined",
    "gzip",
    "whole",
    "twice",
    "late",
    "no-usage",
)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("fault", "code"), BEFORE.items())
async def test_a_mishap_before_the_first_word_is_its_error(fault: str, code: str, stream: bool) -> None:
    """Whole or streamed, the error has the code of what happened and the model's name."""
    async with scene() as at:
        at.fakes.plan("google", fault, times=2)
        with pytest.raises(BatutaError) as caught:
            await at.deltas(MODELS[1], stream=stream)
    assert caught.value.code == code
    assert caught.value.model == f"google/{MODELS[1]}"
    assert caught.value.retry_after_s == {"rate": 37.0, "429-retry-info-7": 7.0}.get(fault)


@pytest.mark.parametrize("fault", AFTER)
async def test_a_mishap_after_it_breaks_the_stream(fault: str) -> None:
    """What was said was said; the end is an error, never a silence."""
    async with scene() as at:
        at.fakes.plan("google", fault)
        spec = ModelSpec("google/x", "google", MODELS[1])
        deltas = at.engine.chat(spec, openai.parse_chat({"model": "x", "stream": True, "messages": [USER]}))
        assert (await anext(deltas)).reasoning
        with pytest.raises(BatutaError) as caught:
            [delta async for delta in deltas]
    assert caught.value.code == "stream_broken"


@pytest.mark.parametrize("fault", HARMLESS)
async def test_what_is_only_odd_changes_nothing(fault: str) -> None:
    """However an answer is written, it is the same answer."""
    async with scene() as at:
        plain = await at.say(MODELS[1], stream=True)
        at.fakes.plan("google", fault)
        odd = await at.say(MODELS[1], stream=True)
    assert odd["message"]["content"] == plain["message"]["content"]
    assert odd["finish_reason"] == FinishReason.STOP
