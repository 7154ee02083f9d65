"""Conversations for templates that know no tools, or want ids of a certain length."""

from __future__ import annotations

from typing import Any

from batuta.loader.engines.hf.teaching import teach, with_short_ids

TOOLS: list[dict[str, Any]] = [{"type": "function", "function": {"name": "look", "description": "Lança um {olhar}"}}]
USER = {"role": "user", "content": "What is there?"}
CALL = {"id": "call_0123456789abcdef", "type": "function", "function": {"name": "look", "arguments": {"at": "sun"}}}
ASKED = {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}
RESULT = {"role": "tool", "content": "light", "tool_call_id": "call_0123456789abcdef"}


def test_what_can_be_called_is_said_first() -> None:
    """In the system's message where there is one, else before the first words; the messages given stay as they are."""
    [system, _] = teach([{"role": "system", "content": "Be brief."}, USER], TOOLS)
    assert system["content"].startswith("Be brief.\n\nYou can call functions.")
    assert '{"name": "look", "description": "Lança um {olhar}"}' in system["content"]
    [user] = teach([USER], TOOLS)
    assert user["content"].endswith("answer as always.\n\nWhat is there?")
    assert USER["content"] == "What is there?"


def test_calls_and_results_become_words() -> None:
    """Calls stand in the text of who made them; results of one turn are one message of the user."""
    told = teach([USER, ASKED, RESULT, RESULT, {"role": "assistant", "content": "Light."}, RESULT], [])
    assert [message["role"] for message in told] == ["user", "assistant", "user", "assistant", "user"]
    assert told[0]["content"] == USER["content"]
    assert told[1]["content"].split("\n") == ['<tool_call>{"name": "look", "arguments": {"at": "sun"}}</tool_call>'] * 2
    assert told[2]["content"].count("<tool_response>\nlight\n</tool_response>") == 2


def test_ids_are_as_long_as_a_template_wants() -> None:
    """Nine letters and digits, the same for a call and its result; what fits is left, and so is what has none."""
    asked, result = with_short_ids([ASKED, RESULT], 9)
    short = result["tool_call_id"]
    assert len(short) == 9
    assert short.isalnum()
    assert [call["id"] for call in asked["tool_calls"]] == [short, short]
    fit = {"role": "tool", "content": "x", "tool_call_id": "abcDEF123"}
    bare = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {}}]}
    assert with_short_ids([fit, bare], 9) == [fit, bare]
    assert with_short_ids([ASKED, RESULT], 0) == [ASKED, RESULT]
