"""A conversation as Gemini's `contents`: who said what, in which parts. Pure; knows no settings and no answers.

Facts are those of `content.proto` of the v1beta API. A turn's parts are text, data, calls and their answers; Gemini
knows the roles `user` and `model` only, and takes system texts apart from the conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from batuta.chat.types import Message, ToolCall
from batuta.errors import BadRequest

PLACEHOLDER: Final = "skip_thought_signature_validator"
"""Google's own word for a call whose signature is not there: another model's, or a client's that dropped it."""

SYSTEM: Final = frozenset({"system", "developer"})
TYPES: Final[Mapping[str, str]] = {
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
}
"""Ending of a file's address -> media type; of any other Google has to find out itself."""

AUDIO: Final[Mapping[str, str]] = {"mp3": "audio/mp3", "wav": "audio/wav"}
"""`input_audio.format` -> media type; others are named `audio/FORMAT`."""

Part = dict[str, Any]
Turn = dict[str, Any]


def system_parts(messages: Iterable[Message]) -> list[Part]:
    """Return the texts of system and developer messages, wherever they stand. Raises BadRequest for other parts."""
    return [
        part
        for number, message in enumerate(messages)
        if message.role in SYSTEM
        for part in _content(message.content, f"messages[{number}]", texts_only=True)
    ]


def turns(messages: Sequence[Message]) -> list[Turn]:
    """Return the conversation without its system texts.

    Answers of tools that follow one another are one turn: Gemini wants as many as there were calls in the turn before.

    Raises:
        BadRequest: a part that Gemini does not take, an answer to no call, arguments that are no JSON object.
    """
    found: list[Turn] = []
    names: dict[str, str] = {}  # call id -> function: an answer of a tool names only the id
    is_in_tools = False
    for number, message in enumerate(messages):
        if message.role in SYSTEM:
            continue
        at = f"messages[{number}]"
        if message.role in {"tool", "function"}:
            part = _tool_answer(message, names, at)
            if is_in_tools:
                found[-1]["parts"].append(part)
            else:
                found.append({"role": "user", "parts": [part]})
            is_in_tools = True
            continue
        is_in_tools = False
        is_model = message.role == "assistant"
        parts = _said(message, names, at) if is_model else _content(message.content, at)
        if parts:  # a turn without parts is refused
            found.append({"role": "model" if is_model else "user", "parts": parts})
    return found


def signed(contents: list[Turn], *, anew: bool = False) -> list[Turn]:
    """Return the turns with a placeholder on the first call of each step of the running turn that has no signature.

    Only what follows the last words of the user is looked at: earlier calls need no signature, and a placeholder costs
    quality.

    Args:
        contents: as `turns` returns them; changed in place.
        anew: put it in the place of signatures too: Gemini took one for broken.
    """
    start = max((number for number, turn in enumerate(contents) if _is_spoken(turn)), default=-1)
    for turn in contents[start + 1 :]:
        calls = [part for part in turn["parts"] if "functionCall" in part]
        if calls and (anew or not any("thoughtSignature" in call for call in calls)):
            for call in calls:
                call.pop("thoughtSignature", None)
            calls[0]["thoughtSignature"] = PLACEHOLDER
    return contents


def _is_spoken(turn: Turn) -> bool:
    return turn["role"] == "user" and any("functionResponse" not in part for part in turn["parts"])


# --- turns of the model --------------------------------------------------------------------------------------------


def _said(message: Message, names: dict[str, str], at: str) -> list[Part]:
    """Return what the model said: its text, then its calls, each with the signature it came with.

    A signature of the text that stood on a part of its own, without words, goes back at the end.
    """
    parts = _content(message.content, at, texts_only=True)
    signature = signature_of(message.extra)
    if signature and parts:
        parts[-1]["thoughtSignature"] = signature
    parts += [_call(call, names, at) for call in message.tool_calls]
    if signature and not message.content:
        parts.append({"text": "", "thoughtSignature": signature})
    return parts


def _call(call: ToolCall, names: dict[str, str], at: str) -> Part:
    name = call.name or ""
    try:
        arguments = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise _wrong(f"{at}.tool_calls", f"has arguments of {name or 'a call'} that are no JSON object")
    function: dict[str, Any] = {"name": name, "args": arguments}
    if isinstance(call.id, str) and call.id:
        names[call.id] = name
        function = {"id": call.id, **function}
    part: Part = {"functionCall": function}
    if signature := signature_of(call.extra):
        part["thoughtSignature"] = signature
    return part


def signature_of(extra: Mapping[str, Any]) -> str:
    """Return the signature in `extra_content.google.thought_signature` of a call or message; empty: there is none.

    The place is the one of Google's own endpoint in OpenAI's dialect.
    """
    content = extra.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""


def _tool_answer(message: Message, names: Mapping[str, str], at: str) -> Part:
    call_id = message.tool_call_id or ""
    name = names.get(call_id) or message.name
    if not name:
        raise _wrong(f"{at}.tool_call_id", f"answers {call_id or 'a call without an id'}, which nobody called before")
    texts = _content(message.content, at, texts_only=True)
    answer: dict[str, Any] = {"name": name, "response": {"result": "\n".join(part["text"] for part in texts)}}
    return {"functionResponse": {"id": call_id, **answer} if call_id else answer}


# --- content -------------------------------------------------------------------------------------------------------


def _content(content: str | tuple[Mapping[str, Any], ...] | None, at: str, *, texts_only: bool = False) -> list[Part]:
    if content is None or isinstance(content, str):
        return [{"text": content}] if content else []
    parts = [_part(part, f"{at}.content", texts_only=texts_only) for part in content]
    return [part for part in parts if part.get("text") != ""]  # a text without words is refused


def _part(part: Mapping[str, Any], at: str, *, texts_only: bool) -> Part:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(str(kind))
        return {"text": text if isinstance(text, str) else ""}
    if not texts_only:
        if kind == "image_url":
            return _from_url(_field(part, "image_url", "url"), at)
        if kind == "input_audio":
            data, form = _field(part, "input_audio", "data"), _field(part, "input_audio", "format")
            return {"inlineData": {"mimeType": AUDIO.get(form, f"audio/{form}"), "data": data}}
        if kind == "file" and (data := _field(part, "file", "file_data")):
            return _from_url(data, at)
    where = "in this message" if texts_only else "from Batuta"
    raise _wrong(at, f"has a part of the type {kind!r}, which Gemini does not take {where}")


def _field(part: Mapping[str, Any], kind: str, field: str) -> str:
    value = part.get(kind)
    found = value.get(field) if isinstance(value, dict) else value  # some clients write the URL itself
    return found if isinstance(found, str) else ""


def _from_url(url: str, at: str) -> Part:
    """Return the part of a data URL, or of an https one, which Google fetches: Batuta itself fetches nothing."""
    scheme, _, rest = url.partition(":")
    if scheme == "data":
        head, comma, data = rest.partition(",")
        kind, *options = head.split(";")
        if not comma or not kind or "base64" not in options:
            raise _wrong(at, "has a data URL that is not like data:image/png;base64,...")
        return {"inlineData": {"mimeType": kind, "data": data}}
    if scheme != "https":
        raise _wrong(at, "has a file that is neither a data URL nor at an https address; Gemini takes only those")
    named = TYPES.get(urlsplit(url).path.rpartition(".")[2].lower())
    return {"fileData": {"mimeType": named, "fileUri": url} if named else {"fileUri": url}}


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})
