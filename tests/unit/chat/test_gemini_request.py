"""What is asked of Gemini says what the caller asked, and what cannot be said is refused by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.model_flags import known_flags
from batuta.chat.dialects.gemini_request import LEVELS, Traits, chat_body
from batuta.chat.dialects.gemini_turns import PLACEHOLDER, signed, turns
from batuta.chat.dialects.openai import parse_chat
from batuta.chat.types import ChatRequest, Message
from batuta.engines.gemini.abilities import traits_of
from batuta.errors import BadRequest
from tools.check_tree import ROOT

GOLDEN = sorted((ROOT / "tests/golden/gemini/requests").glob("*.json"))
USER = {"role": "user", "content": "x"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
PRO = traits_of(known_flags(), "gemini-2.5-pro")
FLASH = traits_of(known_flags(), "gemini-2.5-flash")


def ask(traits: Traits = Traits(), **fields: Any) -> dict[str, Any]:  # noqa: B008  # frozen
    return chat_body(parse_chat({"model": "m", "messages": [USER], **fields}), traits)


def config(traits: Traits = Traits(), **fields: Any) -> dict[str, Any]:  # noqa: B008  # frozen
    found: dict[str, Any] = ask(traits, **fields).get("generationConfig", {})
    return found


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_request_is_asked_as_written(path: Path) -> None:
    """Each file's request in OpenAI's dialect becomes the body beside it, to the letter."""
    golden = orjson.loads(path.read_bytes())
    traits = traits_of(known_flags(), golden["model"])
    assert chat_body(parse_chat(golden["openai"]), traits) == golden["gemini"], golden["what"]


def test_there_are_golden_requests() -> None:
    """The files above were found."""
    assert len(GOLDEN) >= 6


# --- thinking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-3-pro-preview", "medium", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3-pro-preview", "none", {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-3.5-flash-lite", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.8-flash", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "max", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", "low", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash", "max", {"includeThoughts": True, "thinkingBudget": 24576}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", None, {"includeThoughts": True}),
        ("gemini-2.5-flash-image", "high", None),
        ("gemini-2.0-flash", "high", None),
        ("gemma-3-27b-it", "high", None),
    ],
)
def test_an_effort_is_asked_in_the_models_own_measure(model: str, effort: str | None, thinking: Any) -> None:
    """Newer models take a level, older ones a number of tokens, the oldest nothing; never what they would refuse."""
    asked = config(traits_of(known_flags(), model), **({"reasoning_effort": effort} if effort else {}))
    assert asked.get("thinkingConfig") == thinking


def test_the_callers_own_words_on_thinking_go_before_the_effort() -> None:
    """`extra_body.google.thinking_config` is passed on as it is, whatever the model."""
    own = {"thinking_budget": 7, "include_thoughts": False}
    asked = ask(PRO, reasoning_effort="high", extra_body={"google": {"thinking_config": own}})
    assert asked["generationConfig"] == {"thinkingConfig": own}
    assert "extra_body" not in asked


def test_an_effort_in_the_other_form_counts() -> None:
    """`reasoning: {effort}` means the same."""
    assert config(FLASH, reasoning={"effort": "low"}) == config(FLASH, reasoning_effort="low")


@given(st.lists(st.sampled_from(LEVELS), min_size=1, unique=True), st.sampled_from(["none", "low", "high", "max"]))
def test_a_level_that_is_asked_for_is_one_the_model_has(levels: list[str], effort: str) -> None:
    """Whatever levels a model has, one of them is asked for."""
    traits = Traits(levels=tuple(sorted(levels, key=LEVELS.index)))
    assert config(traits, reasoning_effort=effort)["thinkingConfig"]["thinkingLevel"] in levels


# --- tools -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "calling", "declared"),
    [
        (None, None, ["f", "g"]),
        ("auto", None, ["f", "g"]),
        ("none", {"mode": "NONE"}, ["f", "g"]),
        ("required", {"mode": "ANY"}, ["f", "g"]),
        (TOOLS[1], {"mode": "ANY", "allowedFunctionNames": ["g"]}, ["f", "g"]),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOLS[0]]}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ["f", "g"],
        ),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOLS[0]]}}, None, ["f"]),
    ],
)
def test_each_choice_of_tools_has_its_mode(choice: Any, calling: Any, declared: list[str]) -> None:
    """Names narrow a forced choice; where none is forced, only what is allowed is declared."""
    asked = ask(tools=TOOLS, **({"tool_choice": choice} if choice else {}))
    assert asked.get("toolConfig", {}).get("functionCallingConfig") == calling
    assert [function["name"] for function in asked["tools"][0]["functionDeclarations"]] == declared


@pytest.mark.parametrize(
    ("schema", "is_sent"),
    [
        ({"type": "object", "properties": {}, "required": []}, False),
        ({"type": "object", "additionalProperties": False}, False),
        ({"type": "object", "additionalProperties": True}, True),
        ({"anyOf": [{"type": "object"}]}, True),
        (None, False),
    ],
)
def test_a_schema_of_no_parameters_is_left_out(schema: Any, is_sent: bool) -> None:
    """A function without parameters is declared without a schema; every other schema goes as it is."""
    [tools] = ask(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])["tools"]
    assert tools["functionDeclarations"][0].get("parametersJsonSchema") == (schema if is_sent else None)


def test_a_choice_without_tools_asks_for_none() -> None:
    """Gemini refuses a mode of calling where there is nothing to call."""
    assert ask(tool_choice="none") == {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}


# --- signatures ------------------------------------------------------------------------------------------------------


def test_a_broken_signature_is_replaced_where_it_counts() -> None:
    """Asked to, all signatures of calls in the running turn give way to one placeholder a step."""
    signature = {"extra_content": {"google": {"thought_signature": "bad"}}}
    calls = [{**CALL, **signature}, {**CALL, "id": "c2", **signature}]
    said = parse_chat({"model": "m", "messages": [USER, {"role": "assistant", "content": None, "tool_calls": calls}]})
    step = signed(turns(said.messages), anew=True)[1]
    assert [part.get("thoughtSignature") for part in step["parts"]] == [PLACEHOLDER, None]


@given(st.lists(st.sampled_from(["user", "step", "answer"]), max_size=12))
def test_each_step_of_the_running_turn_is_signed_once(said: list[str]) -> None:
    """However a conversation goes, each step after the user's last words has one signature, and no earlier one has."""
    messages: list[Message] = []
    for number, what in enumerate(said):
        calls = [{"id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}] * 2
        given: dict[str, Any] = {
            "user": [{"role": "user", "content": "x"}],
            "answer": [{"role": "assistant", "content": "y"}],
            "step": [
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": f"c{number}", "content": "z"},
            ],
        }
        messages += parse_chat({"model": "m", "messages": given[what]}).messages
    contents = signed(turns(messages))
    start = max((n for n, turn in enumerate(contents) if turn["parts"][0].get("text") == "x"), default=-1)
    counts = [sum("thoughtSignature" in part for part in turn["parts"]) for turn in contents]
    steps = ["functionCall" in turn["parts"][0] for turn in contents]
    assert counts == [int(is_step and n > start) for n, is_step in enumerate(steps)]


# --- the rest --------------------------------------------------------------------------------------------------------


def test_a_conversation_of_system_texts_alone_is_the_users() -> None:
    """Gemini wants a turn: instructions without one are said by the user."""
    asked = ask(messages=[{"role": "system", "content": "S"}])
    assert asked == {"contents": [{"role": "user", "parts": [{"text": "S"}]}]}


def test_a_conversation_that_the_model_began_is_opened_by_the_system() -> None:
    """Without a system instruction, and no words of the user's in front, its texts are a turn of their own."""
    asked = ask(
        replace(Traits(), has_system=False),
        messages=[{"role": "assistant", "content": "hi"}, {"role": "system", "content": "S"}],
    )
    assert asked["contents"][0] == {"role": "user", "parts": [{"text": "S"}]}


@pytest.mark.parametrize(("seed", "sent"), [(7, 7), (-(2**31), -(2**31)), (2**31, 0), (2**40 + 5, 5)])
def test_a_seed_is_folded_into_32_bits(seed: int, sent: int) -> None:
    """Gemini's seed has 32 bits: equal seeds stay equal."""
    assert config(seed=seed) == {"seed": sent}


def test_no_limit_is_no_field() -> None:
    """-1 means none."""
    assert config(max_tokens=-1) == {}


def test_what_a_model_refuses_is_not_sent() -> None:
    """Fields that the model's flags name are left out."""
    assert config(PRO, presence_penalty=1, temperature=1) == {
        "temperature": 1,
        "thinkingConfig": {"includeThoughts": True},
    }


def test_json_without_a_schema_is_asked_for() -> None:
    """`json_object` is JSON of any shape, `text` nothing at all."""
    assert config(response_format={"type": "json_object"}) == {"responseMimeType": "application/json"}
    assert config(response_format={"type": "text"}) == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"stop": ["1", "2", "3", "4", "5", "6"]}, "stop"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"extra_body": {"google": {"temperature": 1}}}, "extra_body.google.temperature"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://h/a.png"}}]}
                ]
            },
            "messages[0].content",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]}
                ]
            },
            "messages[0].content",
        ),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://h/a"}}]}]},
            "messages[0].content",
        ),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "c9", "content": "x"}]}, "messages[1].tool_call_id"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "[1"}}]}
                ]
            },
            "messages[0].tool_calls",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "[]"}}]}
                ]
            },
            "messages[0].tool_calls",
        ),
    ],
)
def test_what_gemini_cannot_be_asked_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    """The field and the rule are told before anything is sent."""
    with pytest.raises(BadRequest) as caught:
        ask(**fields)
    assert caught.value.details == {"param": param}
    assert f"`{param}`" in caught.value.message


def test_an_answer_of_a_tool_may_name_its_function() -> None:
    """Where no call is in sight, the message's own name counts: histories are cut."""
    [turn] = turns((Message("tool", "4", name="f"),))
    assert turn["parts"] == [{"functionResponse": {"name": "f", "response": {"result": "4"}}}]


def test_an_image_does_not_reach_the_message_of_a_refusal() -> None:
    """What is wrong with a data URL is told without repeating its bytes."""
    content = ({"type": "image_url", "image_url": {"url": "data:," + "A" * 9000}},)
    with pytest.raises(BadRequest) as caught:
        chat_body(ChatRequest("m", (Message("user", content),)), Traits())
    assert len(caught.value.message) < 200
