"""Reads requests of OpenAI's chat completions, as strictly as OpenAI reads them. Knows no model and no provider."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batuta.testing.providers.refusals import Refused, Why
from batuta.testing.providers.talk import Asked, Tool, words_in

ROLES = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
ANY_OBJECT: Mapping[str, Any] = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"]}


@dataclass(slots=True)
class Conversation:
    """What messages come to, whatever dialect they were in.

    Attributes:
        system: parts of the system prompt.
        text: the last user message.
        turns, words, images: counts.
        names: of functions that were called, by the call's id.
        results: of functions since the user spoke last.
    """

    system: list[str] = field(default_factory=list)
    text: str = ""
    turns: int = 0
    words: int = 0
    images: int = 0
    names: dict[str, str] = field(default_factory=dict)
    results: list[tuple[str, str]] = field(default_factory=list)

    def says_user(self, text: str, images: int = 0) -> None:
        """Take in what the user said: results of earlier tools are history."""
        if text or images:
            self.text = text
            self.results.clear()
        self.images += images

    def asked(self, **fields: Any) -> Asked:
        """Return the request."""
        return Asked(
            text=self.text,
            system="\n".join(self.system),
            turns=self.turns,
            words=self.words,
            images=self.images,
            results=tuple(self.results),
            **fields,
        )


def bad(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """Return a refusal of a request that is not valid."""
    return Refused(Why.BAD, message, param=param, code=code)


def conversation(messages: Any) -> Conversation:
    """Return what the messages come to.

    Raises:
        Refused: they are no conversation.
    """
    if not isinstance(messages, list):
        raise bad("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not messages:
        raise bad("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
    talk = Conversation()
    open_calls: set[str] = set()
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            role = message.get("role") if isinstance(message, Mapping) else message
            raise bad(f"Invalid value: '{role}'. Supported values are: {sorted(ROLES)}.", f"messages[{place}].role")
        open_calls = _take(talk, message, open_calls, place)
    if open_calls:
        raise _unanswered(open_calls, len(messages))
    talk.words = words_in(messages)
    return talk


def _take(talk: Conversation, message: Mapping[str, Any], open_calls: set[str], place: int) -> set[str]:
    """Take a message in. Returns the ids of calls that wait for their results."""
    role, content = message["role"], message.get("content")
    text, images = read_content(content, place)
    if role in {"system", "developer"}:
        talk.system.append(text)
        return open_calls
    talk.turns += 1
    if role == "tool":
        call_id = str(message.get("tool_call_id"))
        if call_id not in open_calls:
            raise bad(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                "'tool_calls'.",
                f"messages.[{place}].role",
            )
        talk.results.append((talk.names[call_id], text))
        return open_calls - {call_id}
    if open_calls:
        raise _unanswered(open_calls, place)
    if role == "user":
        talk.says_user(text, images)
        return set()
    return _called(talk, message, place)


def _called(talk: Conversation, message: Mapping[str, Any], place: int) -> set[str]:
    called = message.get("tool_calls") or []
    if not called and message.get("content") is None and not message.get("refusal") and not message.get("audio"):
        raise bad("Invalid value for 'content': expected a string, got null.", f"messages.[{place}].content")
    ids: set[str] = set()
    for call in called:
        function = call.get("function") or {}
        if not isinstance(function.get("arguments"), str):
            raise bad(
                "Invalid type for 'arguments': expected a string.", f"messages[{place}].tool_calls", "invalid_type"
            )
        talk.names[str(call.get("id"))] = str(function.get("name"))
        ids.add(str(call.get("id")))
    return ids


def _unanswered(open_calls: set[str], place: int) -> Refused:
    return bad(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(sorted(open_calls))}",
        f"messages.[{place}].role",
    )


def read_content(content: Any, place: int = 0) -> tuple[str, int]:
    """Return the text of a message's content, and how many images it has.

    Raises:
        Refused: a part is of no known kind.
    """
    if content is None or isinstance(content, str):
        return content or "", 0
    texts, images = [], 0
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in {"text", "input_text", "output_text", "refusal"}:
            texts.append(str(part.get("text") or part.get("refusal") or ""))
        elif kind in {"image_url", "input_image"}:
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:image/")):
                raise bad("Invalid value for 'image_url': expected a URL or a data URL.", f"messages[{place}].content")
            images += 1
        elif kind not in {"input_audio", "file", "input_file", "thinking", "document"}:
            raise bad(f"Invalid value: '{kind}' is no kind of content.", f"messages[{place}].content", "invalid_value")
    return "".join(texts), images


def tools_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of Asked that tools and tool_choice make.

    Raises:
        Refused: a tool has no name, or the chosen one is not declared.
    """
    tools = list(_tools(body.get("tools") or []))
    choice = body.get("tool_choice", "auto")
    if not tools and "tool_choice" in body and choice not in {"none", "auto"}:
        raise bad("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    only = ""
    if isinstance(choice, Mapping):
        named = choice.get("function") or choice
        if choice.get("type") == "function":
            only = str(named.get("name"))
            if only not in {tool.name for tool in tools}:
                raise bad(f"Tool choice '{only}' not found in 'tools' parameter.", "tool_choice")
    return {
        "tools": () if choice == "none" else tuple(tools),
        "must_call": bool(only) or choice in {"required", "any"},
        "only": only,
        "is_parallel": body.get("parallel_tool_calls") is not False,
    }


def _tools(tools: Sequence[Any]) -> Iterator[Tool]:
    for place, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not function.get("name"):
            where = f"tools[{place}].function" + (".name" if isinstance(function, Mapping) else "")
            raise bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        yield Tool(str(function["name"]), function.get("parameters") or {})


def schema_in(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema that `response_format` wants satisfied.

    Raises:
        Refused: it names none, or is of no known kind.
    """
    wanted = body.get("response_format") or {}
    kind = wanted.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        if "json" not in json.dumps(body.get("messages", "")).lower():
            raise bad(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                "messages",
            )
        return ANY_OBJECT
    named = wanted.get("json_schema")
    if kind != "json_schema" or not isinstance(named, Mapping) or not isinstance(named.get("schema"), Mapping):
        raise bad("Missing required parameter: 'response_format.json_schema'.", "response_format.json_schema")
    schema: Mapping[str, Any] = named["schema"]
    if named.get("strict") and (schema.get("type") == "object" and schema.get("additionalProperties") is not False):
        raise bad(
            f"Invalid schema for response_format '{named.get('name')}': In context=(), 'additionalProperties' is "
            "required to be supplied and to be false.",
            "response_format",
        )
    return schema


def stops_in(value: Any) -> tuple[str, ...]:
    """Return stop sequences that are a text or a list of them."""
    if isinstance(value, str):
        return (value,)
    return tuple(str(each) for each in value or ())
