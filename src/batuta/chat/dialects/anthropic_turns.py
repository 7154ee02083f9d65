"""A conversation in Batuta's types as Anthropic's turns: roles that alternate, each turn a list of blocks. Pure.

Knows no model: what one model takes and another refuses is decided in anthropic_request.py.

Thinking. An answer's thinking blocks go to the client as `thinking_blocks` of the assistant's message, each as it came,
signature included; a client that sends the message back sends them back, and they are put where they stood. Where a
block did not stand at the very beginning, `at` says where: after so many characters of text and so many calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from batuta.chat.types import Message, ToolCall
from batuta.errors import BadRequest

THINKING_BLOCKS: Final = "thinking_blocks"
"""Field of a message, and of a delta, that carries an answer's thinking blocks."""

PLACE: Final = "at"
"""Field of a thinking block that is Batuta's, not Anthropic's."""

SIGNED: Final = {"thinking": "signature", "redacted_thinking": "data"}
"""Kind of a thinking block -> the field without which it is no use to Anthropic."""

IMAGES: Final = {
    "image/gif": "image/gif",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/webp": "image/webp",
}
"""What a data URL may say it is -> Anthropic's word."""

SYSTEM: Final = frozenset({"system", "developer"})
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")

Block = dict[str, Any]
Turn = tuple[str, list[Block]]


def conversation(messages: Sequence[Message]) -> tuple[str | list[Block] | None, list[dict[str, Any]]]:
    """Return the system prompt, and the turns.

    1. System messages, wherever they stand, are one prompt.
    2. Neighbours of one role are one turn; the answers of tools are the user's, and come first in it.
    3. A conversation of nothing but a system prompt is asked as the user's: Anthropic answers nothing else.

    Raises:
        BadRequest: something that Anthropic has no words for.
    """
    system: list[Block] = []
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        if message.role in SYSTEM:  # 1
            system += _texts(message, at)
            continue
        role, blocks = _turn(message, at)
        if turns and turns[-1][0] == role:  # 2
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    if not turns:  # 3
        turns, system = [("user", system)], []
    if not turns[0][1]:
        raise _wrong("messages", "say nothing; Anthropic answers no empty conversation")
    return _prompt(system), [{"role": role, "content": _content(role, blocks)} for role, blocks in turns]


def has_bare_calls(messages: Sequence[Message]) -> bool:
    """Whether the last answer called tools, and came back without the thinking before the calls."""
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    return last is not None and bool(last.tool_calls) and not _thinking(last)


def called_names(messages: Sequence[Message]) -> list[str]:
    """Return the names of all tools that the conversation has called, in order, each once."""
    names = (call.name for message in messages for call in message.tool_calls if call.name)
    return list(dict.fromkeys(names))


# --- turns ---------------------------------------------------------------------------------------------------------


def _turn(message: Message, at: str) -> Turn:
    if message.role == "assistant":
        return "assistant", _said(message, at)
    if message.role == "tool":
        return "user", [_result(message, at)]
    if message.role == "user":
        blocks = _blocks(message.content, at)
        if not blocks:
            raise _wrong(at, "is empty; Anthropic takes no empty message")
        return "user", blocks
    raise _wrong(f"{at}.role", f"is {message.role!r}; Anthropic knows `system`, `user`, `assistant` and `tool`")


def _prompt(system: list[Block]) -> str | list[Block] | None:
    if any(block.keys() - {"type", "text"} for block in system):  # a mark of the cache needs its block
        return system
    return "\n\n".join(block["text"] for block in system) or None


def _content(role: str, blocks: list[Block]) -> str | list[Block]:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    if role == "user":
        return sorted(blocks, key=lambda block: block["type"] != "tool_result")  # stable
    return blocks


def _texts(message: Message, at: str) -> list[Block]:
    """Return the blocks of a message that may only have text."""
    blocks = _blocks(message.content, at)
    if any(block["type"] != "text" for block in blocks):
        raise _wrong(at, f"is a message of the {message.role}, which Anthropic takes as text only")
    return blocks


# --- what the model said -------------------------------------------------------------------------------------------


def _said(message: Message, at: str) -> list[Block]:
    """Return the blocks of an answer as they stood: its text, with thinking in between, and its calls."""
    calls = [_call(call, f"{at}.tool_calls[{number}]") for number, call in enumerate(message.tool_calls)]
    refusal = message.extra.get("refusal")
    content = refusal if not message.content and isinstance(refusal, str) else message.content
    texts = _texts(Message("assistant", content), at)
    thoughts = _thinking(message)
    if not thoughts:
        return texts + calls
    text = content if isinstance(content, str) else "".join(block["text"] for block in texts)
    blocks: list[Block] = []
    written = called = 0
    for thought in thoughts:
        chars, before = _place(thought)
        blocks += _text(text[written:chars]) + calls[called:before]
        blocks.append({name: value for name, value in thought.items() if name != PLACE})
        written, called = max(written, chars), max(called, before)
    return blocks + _text(text[written:]) + calls[called:]


def _thinking(message: Message) -> list[Mapping[str, Any]]:
    """Return the thinking blocks that came back whole; what has lost its signature would be refused."""
    listed = message.extra.get(THINKING_BLOCKS)
    return [
        block
        for block in (listed if isinstance(listed, list) else ())
        if isinstance(block, dict) and (needed := SIGNED.get(str(block.get("type")))) and block.get(needed)
    ]


def _place(thought: Mapping[str, Any]) -> tuple[int, int]:
    match thought.get(PLACE):
        case [int(chars), int(calls)] if chars >= 0 and calls >= 0:
            return chars, calls
        case _:
            return 0, 0


def _call(call: ToolCall, at: str) -> Block:
    if not call.id or not call.name:
        raise _wrong(at, "needs an `id`, and a `function` with a name")
    try:
        given = orjson.loads(call.arguments) if call.arguments.strip() else {}
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise _wrong(at, f"calls {call.name} with arguments that are not a JSON object, which is all Anthropic takes")
    return {"type": "tool_use", "id": _tool_id(call.id), "name": call.name, "input": given}


def _tool_id(given: str) -> str:
    """Return a call's id in the letters that Anthropic allows: other models' ids have dots and colons."""
    return _NOT_IN_ID.sub("_", given)


# --- what it is told -----------------------------------------------------------------------------------------------


def _result(message: Message, at: str) -> Block:
    if not message.tool_call_id:
        raise _wrong(f"{at}.tool_call_id", "is required: the id of the call that this answers")
    block: Block = {"type": "tool_result", "tool_use_id": _tool_id(message.tool_call_id)}
    if said := _blocks(message.content, at):
        block["content"] = _content("tool", said)
    if message.extra.get("is_error") is True:
        block["is_error"] = True
    return block


def _blocks(content: str | Sequence[Mapping[str, Any]] | None, at: str) -> list[Block]:
    if content is None or isinstance(content, str):
        return _text(content or "")
    blocks = (_part(part, f"{at}.content[{number}]") for number, part in enumerate(content))
    return [block for block in blocks if block is not None]


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}] if text.strip() else []  # Anthropic refuses a block of nothing


def _part(part: Mapping[str, Any], at: str) -> Block | None:
    """Return the block for a part of a message; None for a text of nothing."""
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(str(kind))
        block = next(iter(_text(text if isinstance(text, str) else "")), None)
    elif kind == "image_url":
        block = {"type": "image", "source": _image(part.get("image_url"), at)}
    elif kind == "file":
        block = _document(part.get("file"), at)
    else:
        raise _wrong(at, f"is of the type {kind!r}; Anthropic takes text, images and PDF files")
    if block is not None and isinstance(mark := part.get("cache_control"), dict):
        block["cache_control"] = mark
    return block


def _image(value: Any, at: str) -> dict[str, str]:
    url = value.get("url") if isinstance(value, dict) else value
    if isinstance(url, str) and url.startswith("https://"):
        return {"type": "url", "url": url}
    kind, data = _data_url(url)
    if data is None:
        raise _wrong(at, "is no image that Anthropic takes; send https://... or data:image/png;base64,...")
    if (known := IMAGES.get(kind)) is None:
        raise _wrong(at, f"is an image of the type {kind!r}; Anthropic takes PNG, JPEG, GIF and WebP")
    return {"type": "base64", "media_type": known, "data": data}


def _document(value: Any, at: str) -> Block:
    file: Mapping[str, Any] = value if isinstance(value, dict) else {}
    kind, data = _data_url(file.get("file_data"))
    if data is None or kind != "application/pdf":
        raise _wrong(at, "is no file that Anthropic takes; send a PDF as data:application/pdf;base64,...")
    block: Block = {"type": "document", "source": {"type": "base64", "media_type": kind, "data": data}}
    return block | {"title": name} if isinstance(name := file.get("filename"), str) and name else block


def _data_url(url: Any) -> tuple[str, str | None]:
    """Return type and data of a data URL in base64; no data where it is none."""
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    kind, *options = head.removeprefix("data:").lower().split(";")
    is_base64 = head.startswith("data:") and bool(comma) and "base64" in options
    return (kind, data) if is_base64 else ("", None)


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})
