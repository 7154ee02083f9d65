"""A request that Gemini refused for how it was asked is asked once more; what changes its meaning is not touched."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.chat.dialects.gemini_turns import PLACEHOLDER
from batuta.chat.types import FinishReason
from batuta.errors import (
    ContextFull,
    UpstreamRejected,
)
from tests.unit.engines.gemini_play import (
    OLD,
    WELL,
    answer,
    engine_for,
    refusal,
    sent,
)


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ("Penalty is not enabled for models/gemini-2.0-flash", {"presencePenalty", "frequencyPenalty"}),
        ("Invalid JSON payload received. Unknown name \"seed\" at 'generation_config': Cannot find field.", {"seed"}),
        ("presence_penalty is not supported by this model.", {"presencePenalty"}),
        ("Thinking is not enabled for models/gemini-2.0-flash", {"thinkingConfig"}),
        (
            "Thinking_config.include_thoughts is only enabled when thinking is enabled.",
            {"thinkingConfig"},
        ),
    ],
)
async def test_a_field_that_is_refused_is_left_out_from_then_on(words: str, gone: set[str]) -> None:
    """The call is made a second time without it, and no later call has it."""
    fields: dict[str, Any] = {
        "presence_penalty": 1,
        "frequency_penalty": 1,
        "seed": 3,
        "temperature": 1,
        "extra_body": {"google": {"thinking_config": {"include_thoughts": True}}},
    }
    async with engine_for(refusal(words), WELL) as (engine, upstream):
        for _ in range(2):
            assert (await answer(engine, OLD, **fields))[-1].finish is FinishReason.STOP
    first, *later = [set(body["generationConfig"]) for body in sent(upstream)]
    assert [first - one for one in later] == [gone, gone]


async def test_a_model_that_wants_signatures_gets_them_from_then_on() -> None:
    """A model that no flag knows says what it misses: placeholders go out, at once and later."""
    history = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    missing = refusal("Function call is missing a thought_signature in functionCall parts.")
    async with engine_for(missing, WELL) as (engine, upstream):
        for _ in range(2):
            await answer(engine, OLD, messages=history)
    signatures = [body["contents"][1]["parts"][0].get("thoughtSignature") for body in sent(upstream)]
    assert signatures == [None, PLACEHOLDER, PLACEHOLDER]


async def test_a_broken_signature_is_replaced_once() -> None:
    """Another model's signature is refused: the call goes out with a placeholder; the next one is tried as it comes."""
    signed = {"extra_content": {"google": {"thought_signature": "another's"}}}
    history = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **signed}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    async with engine_for(refusal("Corrupted thought signature."), WELL) as (engine, upstream):
        for _ in range(2):
            await answer(engine, messages=history)
    signatures = [body["contents"][1]["parts"][0].get("thoughtSignature") for body in sent(upstream)]
    assert signatures == ["another's", PLACEHOLDER, "another's"]


async def test_a_model_without_a_system_instruction_is_told_by_the_user() -> None:
    """Its texts open the conversation instead."""
    history = [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}]
    async with engine_for(refusal("Developer instruction is not enabled for models/x"), WELL) as (engine, upstream):
        await answer(engine, OLD, messages=history)
    second = sent(upstream)[1]
    assert second == {"contents": [{"role": "user", "parts": [{"text": "S"}, {"text": "hi"}]}]}


@pytest.mark.parametrize(
    "words",
    [
        "temperature must be in the range [0.0, 2.0]",
        'Invalid JSON payload received. Unknown name "tools": Cannot find field.',
        "JSON mode is not enabled for models/gemma-3-27b-it",
        "Function calling with a response mime type: 'application/json' is unsupported",
    ],
)
async def test_what_changes_the_meaning_is_never_left_out(words: str) -> None:
    """Numbers out of range, tools and forms of answers are the caller's to hear of; nothing is sent a second time."""
    fields = {
        "temperature": 3,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    async with engine_for(refusal(words)) as (engine, upstream):
        with pytest.raises(UpstreamRejected):
            await answer(engine, OLD, **fields)
    assert len(upstream.requests) == 1


async def test_there_is_no_third_try() -> None:
    """A second refusal is told."""
    words = "Unknown name \"{}\" at 'generation_config': Cannot find field."
    scripts = [refusal(words.format(name)) for name in ("seed", "temperature")]
    async with engine_for(*scripts) as (engine, upstream):
        with pytest.raises(UpstreamRejected):
            await answer(engine, OLD, seed=1, temperature=1)
    assert len(upstream.requests) == 2


async def test_a_full_context_is_told_with_its_figures() -> None:
    """The words of Gemini become Batuta's."""
    words = "The input token count (1048600) exceeds the maximum number of tokens allowed (1048576)."
    async with engine_for(refusal(words)) as (engine, _):
        with pytest.raises(ContextFull) as caught:
            await answer(engine)
    assert caught.value.details == {"n_prompt": 1048600, "n_ctx": 1048576}
