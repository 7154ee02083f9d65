"""Requests in Anthropic's dialect: golden bodies, what is refused with a reason, and answers that come back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from batuta.chat.dialects import openai
from batuta.chat.dialects.anthropic import decode_message
from batuta.chat.dialects.anthropic_request import Abilities, Asked, messages_body
from batuta.chat.dialects.anthropic_schema import fitted
from batuta.chat.dialects.anthropic_turns import conversation
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.errors import BadRequest
from tests.unit.chat.anthropic_golden import golden, names

NEW = Abilities(64_000, "none", "adaptive", ("low", "medium", "high"), has_schemas=True, takes_prefill=False)
OLD = Abilities(32_000, "all", "budget")
USER = {"role": "user", "content": "go"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def asked(abilities: Abilities = NEW, **body: Any) -> Asked:
    request = openai.parse_chat({"model": "m", "messages": [USER]} | body)
    return messages_body(request, model="m", abilities=abilities)


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize("name", names("requests"))
def test_golden_requests(name: str) -> None:
    """Each request of OpenAI's becomes the body that Anthropic documents for it, field by field."""
    case = golden("requests", name)
    given: dict[str, Any] = case["abilities"]
    abilities = Abilities(**(given | {"efforts": tuple(given.get("efforts", ()))}))
    out = messages_body(openai.parse_chat(case["openai"]), model="m", abilities=abilities)
    assert orjson.loads(orjson.dumps(out.body)) == case["anthropic"]
    assert out.answer_tool == case.get("answer_tool", "")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 2}, "n"),
        ({"stop": "\n"}, "stop"),
        ({"messages": [USER, {"role": "assistant", "content": "Once"}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "messages"),
        ({"messages": [USER, {"role": "user", "content": " "}]}, "messages[1]"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"messages": user({"type": "input_audio"})}, "messages[0].content[0]"),
        ({"messages": user({"type": "image_url", "image_url": {"url": "http://h/a.png"}})}, "messages[0].content[0]"),
        ({"messages": user({"type": "image_url", "image_url": "data:image/tiff;base64,AA"})}, "messages[0].content[0]"),
        ({"messages": user({"type": "file", "file": {"file_id": "file-1"}})}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": "https://h/a"}]}, USER]},
            "messages[0]",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "response_format"),
    ],
)
def test_what_anthropic_has_no_words_for_is_refused(body: dict[str, Any], field: str) -> None:
    """Nothing is sent: the error names the field and what to do."""
    with pytest.raises(BadRequest) as caught:
        asked(**body)
    assert caught.value.details["param"] == field
    assert field in caught.value.message


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"'])
def test_calls_have_objects_for_arguments(arguments: str) -> None:
    """What a model of another provider wrote may be no object; who reads the error knows which call it is."""
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    with pytest.raises(BadRequest, match=r"messages\[1\].tool_calls\[0\]` calls f"):
        asked(messages=[USER, {"role": "assistant", "tool_calls": [call]}])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [TOOL]}}, {"type": "auto"}),
    ],
)
def test_each_choice_of_a_tool_has_its_word(choice: Any, expected: Any) -> None:
    """All of OpenAI's forms are said; one call at a time goes with each but `none`."""
    assert asked(tools=[TOOL], tool_choice=choice).body.get("tool_choice") == expected
    single = asked(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False).body["tool_choice"]
    assert single.get("disable_parallel_tool_use", False) is (choice != "none")


def test_a_choice_without_tools_says_nothing() -> None:
    """Anthropic refuses it, and there is nothing to choose from."""
    assert "tool_choice" not in asked(tool_choice="auto", parallel_tool_calls=False).body


def test_models_that_cannot_be_forced_are_not_asked_to_be() -> None:
    """Some of the newest refuse a forced tool: the caller hears it, instead of an answer without a call."""
    free = Abilities(thinking="adaptive", has_schemas=True, can_force=False)
    with pytest.raises(BadRequest, match="cannot be forced"):
        asked(free, tools=[TOOL], tool_choice="required")
    with pytest.raises(BadRequest, match="use `json_schema`"):
        asked(free, response_format={"type": "json_object"})
    assert asked(free, tools=[TOOL], tool_choice="auto").body["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize(
    ("effort", "known", "expected"),
    [
        ("minimal", ("low", "medium"), "low"),
        ("medium", ("low", "medium", "high"), "medium"),
        ("max", ("low", "medium", "high"), "high"),
        ("xhigh", ("low", "high", "max"), "high"),
        ("low", ("high",), "high"),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_knows(effort: str, known: tuple[str, ...], expected: str) -> None:
    """Never more than asked for, where there is less."""
    model = Abilities(thinking="adaptive", efforts=known)
    assert asked(model, reasoning_effort=effort).body["output_config"] == {"effort": expected}


@pytest.mark.parametrize(
    ("most", "effort", "budget"),
    [
        (10_000, "low", 2000),
        (10_000, "max", 9500),
        (2000, "minimal", 1024),
        (1024, "high", None),
        (64_000, "max", 32_000),
    ],
)
def test_a_budget_is_a_part_of_the_answer(most: int, effort: str, budget: int | None) -> None:
    """At least Anthropic's least, below the answer's limit, at most what a connection can wait for."""
    thinking = asked(OLD, reasoning_effort=effort, max_tokens=most).body.get("thinking")
    assert thinking == (None if budget is None else {"type": "enabled", "budget_tokens": budget})


def test_who_always_thinks_thinks_as_little_as_possible() -> None:
    """Where thinking cannot be switched off, no effort is the least effort."""
    model = Abilities(thinking="adaptive", efforts=("low", "high"), can_rest=False)
    body = asked(model, reasoning_effort="none").body
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}


def test_thinking_gives_way_where_it_is_forbidden() -> None:
    """A forced tool, and calls whose thinking the client has lost, are answered without a budget."""
    assert "thinking" not in asked(OLD, tools=[TOOL], tool_choice="required", reasoning_effort="high").body
    calling: dict[str, Any] = {"role": "assistant", "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c", "content": "1"}
    lost = asked(OLD, tools=[TOOL], messages=[USER, calling, result], reasoning_effort="high")
    assert "thinking" not in lost.body
    kept = calling | {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}
    assert "thinking" in asked(OLD, tools=[TOOL], messages=[USER, kept, result], reasoning_effort="high").body
    assert "thinking" in asked(tools=[TOOL], messages=[USER, calling, result], reasoning_effort="high").body


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [("all", {"temperature": 0.5, "top_p": 0.9}), ("one", {"temperature": 0.5}), ("none", {})],
)
def test_sampling_is_sent_where_it_is_taken(sampling: str, kept: dict[str, float]) -> None:
    """Newer models refuse even the defaults; some take temperature or top_p, not both."""
    body = asked(Abilities(sampling=sampling), temperature=0.5, top_p=0.9, top_k=0).body
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == kept


@pytest.mark.parametrize("given", ["ana@example.com", "+55 81 9999-9999", "x" * 129, "", None, 7])
def test_who_a_person_is_stays_here(given: Any) -> None:
    """Addresses and phone numbers are neither an opaque id nor taken by Anthropic."""
    assert "metadata" not in asked(user=given).body
    assert asked(user=given, safety_identifier="a-1").body["metadata"] == {"user_id": "a-1"}


def test_a_schema_loses_nothing_but_its_teeth() -> None:
    """What is not compiled is told in words; choices, references and formats stay."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "a": {"oneOf": [{"$ref": "#/$defs/x", "description": "an x"}, {"type": ["string", "null"]}]},
            "b": {"type": "string", "format": "date", "maxLength": 9},
            "c": {"type": "array", "items": {"type": "object"}, "minItems": 2},
        },
        "$defs": {"x": {"enum": [1, 2]}},
        "additionalProperties": True,
    }
    assert fitted(schema) == {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": ["string", "null"]}]},
            "b": {"type": "string", "format": "date", "description": "(maxLength: 9)"},
            "c": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": False},
                "description": "(minItems: 2)",
            },
        },
        "$defs": {"x": {"enum": [1, 2]}},
        "additionalProperties": False,
    }


WORDS = st.text("ab é", min_size=1, max_size=6).filter(str.strip)
STEPS = st.lists(st.tuples(WORDS, st.one_of(st.just(""), WORDS), st.integers(0, 2)), min_size=1, max_size=4)


@drawn(STEPS)
def test_an_answer_comes_back_as_it_was(steps: list[tuple[str, str, int]]) -> None:
    """Thinking, text and calls in any order go to a client and back to Anthropic unchanged, signatures included."""
    content: list[dict[str, Any]] = []
    for thought, text, calls in steps:
        content.append({"type": "thinking", "thinking": thought, "signature": f"s{len(content)}"})
        content += [{"type": "text", "text": text}] if text else []
        numbered = range(len(content), len(content) + calls)
        content += [{"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": {"n": n}} for n in numbered]
    said = decode_message({"type": "message", "content": content, "stop_reason": "tool_use"})
    assert isinstance(said, Delta)
    whole = openai.encode_completion([said], answer_id="x", model="m", created=0)
    message = orjson.loads(orjson.dumps(whole))["choices"][0]["message"]
    request = openai.parse_chat({"model": "m", "messages": [USER, message]})
    assert conversation(request.messages)[1][1] == {"role": "assistant", "content": content}


ROLES = st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=8)


@drawn(ROLES)
def test_turns_alternate(roles: list[str]) -> None:
    """Whatever the order of messages, Anthropic sees one turn of each role after the other, results first."""
    messages = tuple(Message(role, "x", tool_call_id="c") for role in roles)
    if not messages:
        return
    _, turns = conversation(messages)
    seen = [turn["role"] for turn in turns]
    assert all(one != other for one, other in pairwise(seen))
    for turn in turns:
        kinds = [block["type"] for block in turn["content"]] if isinstance(turn["content"], list) else []
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")


def test_the_callers_limit_holds() -> None:
    """A limit of the caller's goes out as it is; without one, the model's own does."""
    assert asked(max_tokens=5).body["max_tokens"] == 5
    assert asked(max_completion_tokens=6).body["max_tokens"] == 6
    assert asked().body["max_tokens"] == NEW.max_tokens
    assert messages_body(ChatRequest("m", (Message("user", "x"),)), model="n", abilities=OLD).body["model"] == "n"


def test_thinking_that_came_back_in_disorder_doubles_nothing() -> None:
    """Whatever a client has done to the blocks' places, text and calls are there once."""
    blocks = [{"type": "thinking", "thinking": "t", "signature": "s", "at": at} for at in ([3, 1], [1, 0], [99, 9])]
    message = {"role": "assistant", "content": "Hello", "thinking_blocks": blocks, "tool_calls": [CALL]}
    turn = asked(OLD, tools=[TOOL], messages=[USER, message, {"role": "tool", "tool_call_id": "c", "content": "1"}])
    said = turn.body["messages"][1]["content"]
    assert "".join(block.get("text", "") for block in said) == "Hello"
    assert [block["type"] for block in said].count("tool_use") == 1
    assert [block["type"] for block in said].count("thinking") == 3
