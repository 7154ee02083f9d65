"""Requests on their way to an API of the family."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.external import TABLE
from batuta.catalog.model_flags import known_flags
from batuta.engines.openai_family import body
from batuta.engines.openai_family.body import CHAT, short_id
from batuta.engines.openai_family.quirks import UNKNOWN, FieldRules, Quirks, read_quirks
from batuta.errors import BadRequest, BadSettings

USER = {"role": "user", "content": "hi"}


def sent(quirks: Quirks, path: str = CHAT, /, flags: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    fields = {"model": "m", "messages": [USER]} | fields if path == CHAT else fields
    out = body.fields_for(path, body.read_fields(orjson.dumps(fields)), quirks, flags or {})
    read: dict[str, Any] = orjson.loads(body.write_fields(out))
    return read


def of(preset: str) -> Quirks:
    (row,) = (row for row in TABLE if row.id == preset)
    return read_quirks(row.quirks, where=preset)


def test_an_api_nobody_has_described_gets_every_field() -> None:
    """Unknown fields, unknown parts of messages: all as it came, but for what is null."""
    odd: dict[str, Any] = {
        "min_p": 0.1,
        "messages": [{"role": "user", "content": "x", "odd": {"deep": [1]}}],
        "seed": None,
    }
    assert sent(UNKNOWN, **odd) == {"model": "m", "min_p": 0.1, "messages": odd["messages"]}


@pytest.mark.parametrize("raw", [b"[]", b"nonsense", b'"x"'])
def test_what_is_no_object_is_the_caller_s_mistake(raw: bytes) -> None:
    """It is refused before anybody is asked."""
    with pytest.raises(BadRequest):
        body.read_fields(raw)


_VALUES = st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4))
def test_fields_that_nobody_changes_come_out_as_they_were(fields: dict[str, Any]) -> None:
    """The top level is taken apart and put together again without a loss."""
    raw = orjson.dumps(fields)
    assert orjson.loads(body.write_fields(body.read_fields(raw))) == fields


def test_a_field_under_the_api_s_own_name_wins() -> None:
    """Whoever writes both means the one that the API knows."""
    rules = Quirks(chat=FieldRules(rename={"max_tokens": "max_completion_tokens"}))
    assert sent(rules, max_tokens=1)["max_completion_tokens"] == 1
    both = sent(rules, max_tokens=1, max_completion_tokens=2)
    assert (both["max_completion_tokens"], "max_tokens" in both) == (2, False)


def test_who_cannot_be_told_not_to_call_is_not_told_of_tools() -> None:
    """`tool_choice: none` at an API without that field means no tools; any other choice keeps them."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert "tools" not in sent(of("ai21"), tools=tools, tool_choice="none")
    assert sent(of("ai21"), tools=tools, tool_choice="required")["tools"] == tools
    assert sent(of("openai"), tools=tools, tool_choice="none")["tools"] == tools


@pytest.mark.parametrize(
    ("model", "effort", "kept"),
    [
        ("gpt-4.1-mini", None, True),
        ("gpt-5", None, False),
        ("o3-mini", "low", False),
        ("gpt-5.4", None, True),
        ("gpt-5.4", "none", True),
        ("gpt-5.4", "low", False),
        ("gpt-6-astra", None, False),
        ("gpt-9-someday", None, False),
        ("a-model-of-mine", None, True),
    ],
)
def test_models_that_reason_choose_their_tokens_themselves(model: str, effort: str | None, kept: bool) -> None:
    """Temperature and its like go only to a model that takes them, which may depend on whether it reasons."""
    fields = {"model": model, "temperature": 0.2, "top_p": 0.5, "stop": ["x"], "reasoning_effort": effort}
    out = sent(of("openai"), CHAT, flags=dict(known_flags().of("openai", model)), **fields)
    assert {name in out for name in ("temperature", "top_p", "stop")} == {kept}


@pytest.mark.parametrize(
    ("model", "fields", "needs"),
    [
        ("gpt-4.1", {"tools": [1]}, False),
        ("gpt-5.4", {"tools": [1]}, False),
        ("gpt-5.4", {"tools": [1], "reasoning_effort": "none"}, False),
        ("gpt-5.4", {"tools": [1], "reasoning_effort": "low"}, True),
        ("gpt-5.4", {"tools": [], "reasoning_effort": "low"}, False),
        ("gpt-6-astra", {"tools": [1]}, True),
        ("gpt-6-astra", {}, False),
        ("o3-pro", {}, True),
        ("gpt-5.1-codex-max", {}, True),
    ],
)
def test_the_responses_api_is_used_where_the_model_needs_it(model: str, fields: dict[str, Any], needs: bool) -> None:
    """Because of the model itself, or because it reasons and has tools."""
    raw = body.read_fields(orjson.dumps({"model": model, **fields}))
    assert body.needs_responses(raw, known_flags().of("openai", model)) is needs


def test_values_are_said_in_the_api_s_words() -> None:
    """Efforts by its list, numbers within its range, thinking by its type alone, models by their names."""
    assert sent(of("mistral"), reasoning_effort="minimal", temperature=2) == {
        "model": "m",
        "messages": [USER],
        "reasoning_effort": "none",
        "temperature": 1.5,
    }
    assert sent(of("cohere"), presence_penalty=-1)["presence_penalty"] == 0
    thinking = {"type": "adaptive", "budget_tokens": 5}
    assert sent(of("genspark"), thinking=thinking)["thinking"] == {"type": "enabled"}
    assert "temperature" not in sent(of("genspark"), model="gpt-5.2", temperature=1)
    assert sent(of("genspark"), model="claude-x", temperature=1)["temperature"] == 1


def test_ids_of_calls_are_mistral_s_and_stay_together() -> None:
    """A foreign id becomes nine letters and digits, the same in the call and in its answer; its own ids stay."""
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [{"id": "call_9", "type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "call_9", "content": "42"},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": "43"},
    ]
    out = sent(of("mistral"), messages=messages)["messages"]
    (call,) = out[1]["tool_calls"]
    assert call["id"] == out[2]["tool_call_id"] != "call_9"
    assert out[3]["tool_call_id"] == "a1B2c3D4e"


@given(st.text(), st.integers(1, 30))
def test_a_short_id_is_what_it_has_to_be(given_id: str, length: int) -> None:
    """Exactly so long, letters and digits, the same again for itself."""
    made = short_id(given_id, length)
    assert len(made) == length
    assert made.isascii()
    assert made.isalnum()
    assert short_id(made, length) == made


def test_an_answer_that_is_to_be_continued_says_so_to_mistral() -> None:
    """A conversation may end with the beginning of the answer."""
    end = {"role": "assistant", "content": "Once"}
    assert sent(of("mistral"), messages=[USER, end])["messages"][-1] == {**end, "prefix": True}
    assert sent(of("openai"), messages=[USER, end])["messages"][-1] == end


def test_what_was_thought_goes_back_within_a_turn_only() -> None:
    """DeepSeek needs it between the calls of one turn; earlier turns are done with."""
    thought = {"role": "assistant", "content": "a", "reasoning_content": "hm"}
    out = sent(of("deepseek"), messages=[USER, thought, USER, thought])["messages"]
    assert [message.get("reasoning_content") for message in out] == [None, None, None, "hm"]


def test_what_other_apis_brought_into_a_conversation_stays_here() -> None:
    """OpenAI refuses thoughts and signatures of others; OpenRouter needs what it gave."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    signed = {**call, "extra_content": {"google": {"thought_signature": "U0lH"}}, "index": 0}
    message = {"role": "assistant", "content": None, "reasoning_details": [{"type": "x"}], "tool_calls": [signed]}
    (out,) = sent(of("openai"), messages=[message])["messages"]
    assert out == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert sent(of("openrouter"), messages=[message])["messages"] == [message]


def test_messages_that_need_no_change_are_not_taken_apart() -> None:
    """Their bytes go out as they came, so a conversation with pictures costs next to nothing."""
    raw = b'{"model":"m","messages":[ {"role":"user" , "content":"hi"} ]}'
    out = body.write_fields(body.fields_for(CHAT, body.read_fields(raw), of("openai"), {}))
    assert b'[ {"role":"user" , "content":"hi"} ]' in out


@pytest.mark.parametrize("messages", ["text", [1], {"a": 1}])
def test_messages_that_are_none_are_the_api_s_to_refuse(messages: Any) -> None:
    """They go out as they are."""
    assert sent(of("mistral"), messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    ("given_options", "expected", "is_quiet"),
    [
        (None, {"include_usage": True}, True),
        ({"include_usage": True}, {"include_usage": True}, False),
        ({"include_usage": False}, {"include_usage": True}, True),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}, True),
    ],
)
def test_token_counts_are_always_asked_for(given_options: Any, expected: Any, is_quiet: bool) -> None:
    """Nobody's costs go unseen; whether the caller wanted them is remembered."""
    fields = body.read_fields(orjson.dumps({"stream_options": given_options}))
    assert body.with_usage(fields) is is_quiet
    assert body.value_of(fields, "stream_options") == expected


def test_embeddings_have_rules_of_their_own_and_completions_none() -> None:
    """The same field can be called otherwise on another path."""
    assert sent(of("mistral"), "embeddings", input=["x"], dimensions=8, user="u") == {
        "input": ["x"],
        "output_dimension": 8,
    }
    assert sent(of("mistral"), "completions", prompt="x", user="u") == {"prompt": "x", "user": "u"}


def test_a_quirk_that_means_nothing_is_refused() -> None:
    """A slip in the table is found at once, and by its name."""
    with pytest.raises(BadSettings, match=r"quirks of acme .*: mendd"):
        read_quirks({"mendd": True}, where="acme")
