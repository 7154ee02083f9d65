"""The Anthropic engine against the fake that is as strict as Anthropic: whole conversations, in OpenAI's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.dialects import openai
from batuta.engines.anthropic.engine import AnthropicEngine
from batuta.engines.base import EngineHealth
from batuta.engines.transport import Transport
from batuta.errors import (
    BatutaError,
    ContentRefused,
    ContextFull,
    KeyInvalid,
    OutOfCredit,
    StreamBroken,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from batuta.testing.providers import FakeProviders, key_of
from batuta.vault.secret import Secret

MODELS = ("claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5")
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("one", "two")]


@asynccontextmanager
async def scene(key: str = key_of("anthropic")) -> AsyncIterator[tuple[AnthropicEngine, FakeProviders]]:
    async with FakeProviders() as fakes:
        transport = Transport()
        provider = Provider("anthropic", "anthropic", base_url=f"{fakes.url}/anthropic")
        yield AnthropicEngine(provider, transport, key=Secret(key)), fakes
        await transport.aclose()


async def ask(engine: AnthropicEngine, model: str, *messages: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Return the answer as a caller of the gateway has it: OpenAI's JSON of a whole answer."""
    request = openai.parse_chat({"model": "x", "messages": list(messages), **body})
    deltas = [delta async for delta in engine.chat(ModelSpec(f"anthropic/{model}", "anthropic", model), request)]
    whole = openai.encode_completion(deltas, answer_id="x", model=model, created=0)
    answer: dict[str, Any] = orjson.loads(orjson.dumps(whole))
    return answer


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_in_all_its_parts(model: str, streamed: bool) -> None:
    """System prompt, images and turns arrive; sampling that a model refuses does not; usage comes back."""
    image = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": PNG}, {"type": "text", "text": "say images"}],
    }
    settings: dict[str, Any] = {"stream": streamed, "temperature": 0.3, "top_p": 0.9, "stop": ["NEVER"]}
    async with scene() as (engine, fakes):
        await engine.list_models()
        system = await ask(engine, model, {"role": "system", "content": "Olá"}, user("say system"), **settings)
        images = await ask(engine, model, user("hi"), {"role": "assistant", "content": "ho"}, image, **settings)
    assert system["choices"][0]["message"]["content"] == "Olá"
    assert "1" in images["choices"][0]["message"]["content"]
    assert system["choices"][0]["finish_reason"] == "stop"
    assert system["usage"]["prompt_tokens"] > 0
    assert all(seen.outcome == "answered" for seen in fakes.requests)


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", MODELS)
async def test_tools_with_thinking_both_ways(model: str, streamed: bool) -> None:
    """Two calls at once, and their results; the thinking goes back as it came, and its signature is found good."""
    asked = user("both of it")
    settings: dict[str, Any] = {"tools": TOOLS, "reasoning_effort": "high", "stream": streamed}
    async with scene() as (engine, fakes):
        await engine.list_models()
        first = await ask(engine, model, asked, **settings)
        said = first["choices"][0]["message"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "42"} for call in said["tool_calls"]]
        second = await ask(engine, model, asked, said, *results, **settings)
    assert first["choices"][0]["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in said["tool_calls"]] == ["one", "two"]
    assert all(orjson.loads(call["function"]["arguments"])["n"] >= 1 for call in said["tool_calls"])
    assert said["reasoning_content"]
    assert first["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert "42" in second["choices"][0]["message"]["content"]
    blocks = fakes.requests[2].body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "tool_use", "tool_use"]
    assert all(seen.outcome == "answered" for seen in fakes.requests)


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    "form", [{"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, {"type": "json_object"}]
)
async def test_an_answer_in_a_form_is_json(form: dict[str, Any], streamed: bool) -> None:
    """Held to by the model itself, or by a tool that stands for it: the caller reads JSON either way."""
    async with scene() as (engine, _):
        answer = await ask(engine, "claude-opus-4-7", user("a number"), response_format=form, stream=streamed)
    assert isinstance(orjson.loads(answer["choices"][0]["message"]["content"]), dict)
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_a_choice_of_tools_is_kept_to() -> None:
    """A named tool is the one that is called; one at a time is one."""
    async with scene() as (engine, _):
        named = {"type": "function", "function": {"name": "two"}}
        only = await ask(engine, "claude-sonnet-4-6", user("x"), tools=TOOLS, tool_choice=named, reasoning_effort="low")
        single = await ask(engine, "claude-sonnet-4-6", user("both"), tools=TOOLS, parallel_tool_calls=False)
    assert [call["function"]["name"] for call in only["choices"][0]["message"]["tool_calls"]] == ["two"]
    assert len(single["choices"][0]["message"]["tool_calls"]) == 1


async def test_what_a_model_refuses_is_learnt_from_its_words() -> None:
    """A wrong row costs one refusal: the next request is asked as the model wants it."""
    async with scene() as (engine, fakes):
        spec = ModelSpec("a", "anthropic", "claude-opus-4-7", options={"sampling": "all", "max_tokens": 999_999})
        request = openai.parse_chat({"model": "x", "messages": [user("say hi")], "top_k": 7})
        told: list[str] = []
        for _ in range(3):
            try:
                told += [delta.text async for delta in engine.chat(spec, request)]
            except BatutaError as error:
                told.append(error.code)
        statuses = [seen.status for seen in fakes.requests]
    assert told == [
        "upstream_rejected",
        "hi",
        "hi",
    ]  # two things were wrong, and each request learns one and tries once
    assert statuses == [400, 400, 200, 200]


async def test_list_probe_and_check() -> None:
    """The list is read to its end; a model is there or not; a good key is good, another is not."""
    async with scene() as (engine, _):
        models = await engine.list_models()
        await engine.check_key()
        here = await engine.probe(ModelSpec("a", "a", models[0].address))
        gone = await engine.probe(ModelSpec("a", "a", "claude-none"))
    assert {model.address for model in models} >= set(MODELS)
    assert all(model.context_length for model in models)
    assert Capability.REASONING in models[0].capabilities
    assert (here.health, gone.health) == (EngineHealth.READY, EngineHealth.ABSENT)
    async with scene("sk-test-not-a-key-wrong") as (engine, _):
        with pytest.raises(KeyInvalid):
            await engine.check_key()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("bad-key", KeyInvalid),
        ("no-credit", OutOfCredit),
        ("spent", OutOfCredit),
        ("429-retry-after-7", UpstreamRateLimited),
        ("overloaded", UpstreamOverloaded),
        ("context", ContextFull),
        ("content", ContentRefused),
        ("error-1", StreamBroken),
        ("cut-1", StreamBroken),
        ("end-1", StreamBroken),
    ],
)
async def test_each_fault_has_its_name(fault: str, expected: type[BatutaError]) -> None:
    """As Anthropic shows it."""
    async with scene() as (engine, fakes):
        fakes.plan("anthropic", fault)
        with pytest.raises(expected) as caught:
            await ask(engine, "claude-opus-4-7", user("one two three"), stream=True)
    assert type(caught.value) is expected
    assert caught.value.retry_after_s == (7.0 if expected is UpstreamRateLimited else None)


@pytest.mark.parametrize(
    "fault",
    ["crlf", "comments", "bad-event", "multiline", "split-1", "split-7", "joined", "gzip", "whole", "twice", "late"],
)
async def test_however_it_is_written_it_is_read(fault: str) -> None:
    """Line ends, splits, comments, garbage, packing: the words are the same."""
    async with scene() as (engine, fakes):
        fakes.plan("anthropic", fault)
        answer = await ask(engine, "claude-opus-4-7", user("say olá e até já"), stream=True)
    assert answer["choices"][0]["message"]["content"] == "olá e até já"
    assert answer["usage"]["completion_tokens"] > 0
