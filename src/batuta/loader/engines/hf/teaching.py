"""Writes conversations for templates that are particular: without a place for tools, or with short ids only. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

Message = dict[str, Any]

HOW: Final = (
    "You can call functions. These are there, a JSON object each:\n{tools}\n"
    "To call one, write this and nothing else, once for each call:\n"
    '<tool_call>{{"name": "name of the function", "arguments": {{"name of an argument": "its value"}}}}</tool_call>\n'
    "The results come with the next message. Where no function is needed, answer as always."
)


def teach(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return the conversation in words alone, for a template that knows no tools.

    1. Earlier calls stand in the text of who made them. 2. Results are said by the user, those of one turn together:
    many templates want user and assistant to alternate. 3. What can be called, and how, is said at the beginning: in
    the system's message, or before the first one's words, since some templates have no system.
    """
    told: list[Message] = []
    was_result = False
    for message in messages:
        is_result = message["role"] == "tool"
        content = f"<tool_response>\n{message['content']}\n</tool_response>" if is_result else _said(message)
        if is_result and was_result:
            told[-1]["content"] += f"\n{content}"
        else:
            told.append({"role": "user" if is_result else message["role"], "content": content})
        was_result = is_result
    if tools and told:
        how = HOW.format(tools="\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools))
        first = told[0]
        words = (first["content"], how) if first["role"] == "system" else (how, first["content"])
        first["content"] = "\n\n".join(filter(None, words))
    return told


def _said(message: Message) -> str:
    calls = [
        f"<tool_call>{json.dumps(call['function'], ensure_ascii=False)}</tool_call>"
        for call in message.get("tool_calls", ())
    ]
    return "\n".join(filter(None, (message["content"], *calls)))


def with_short_ids(messages: list[Message], length: int) -> list[Message]:
    """Return the messages with ids of calls of `length` letters and digits, one for the other; 0 leaves them."""
    if not length:
        return messages
    return [_with_short_ids(message, length) for message in messages]


def _with_short_ids(message: Message, length: int) -> Message:
    changed = dict(message)
    if ident := message.get("tool_call_id"):
        changed["tool_call_id"] = _short(ident, length)
    if calls := message.get("tool_calls"):
        changed["tool_calls"] = [{**call, "id": _short(call["id"], length)} if "id" in call else call for call in calls]
    return changed


def _short(ident: str, length: int) -> str:
    is_fit = len(ident) == length and ident.isascii() and ident.isalnum()
    return ident if is_fit else hashlib.sha256(ident.encode()).hexdigest()[:length]
