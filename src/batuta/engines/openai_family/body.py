"""Rewrites a request's JSON into what one API takes. Pure.

The top level is read without looking into its values, and messages likewise: only what has to be changed is taken
apart. So a conversation with pictures costs little more than its way through memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
import orjson

from batuta.engines.openai_family.quirks import UNKNOWN, FieldRules, Quirks
from batuta.errors import BadRequest

Fields = dict[str, msgspec.Raw]
"""The top level of a body: name -> the JSON of its value, unread."""

CHAT: Final = "chat/completions"
EMBEDDINGS: Final = "embeddings"

_decode: Final = msgspec.json.Decoder(Fields).decode
_decode_messages: Final = msgspec.json.Decoder(list[Fields]).decode
_SAMPLING: Final = ("temperature", "top_p")
_CHOOSING: Final = (*_SAMPLING, "presence_penalty", "frequency_penalty", "logit_bias", "stop")
_ALWAYS: Final = ("role", "content")
_CALL: Final = ("id", "type", "function")  # others have signatures there; clients copy `index` out of streams
_NULL: Final = msgspec.Raw(b"null")
_TRUE: Final = msgspec.Raw(b"true")
_NO_LIST: Final = msgspec.Raw(b"[]")
_NO_CALL: Final = msgspec.Raw(b'"none"')
_NO_LIMIT: Final = msgspec.Raw(b"-1")  # llama-server's word, and of those who are like it
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's words for how hard to reason, rising."""


def read_fields(body: bytes) -> Fields:
    """Return the top level of a body. Raises BadRequest when it is no JSON object."""
    try:
        return _decode(body)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"the request body cannot be read: {error}") from None


def write_fields(fields: Fields) -> bytes:
    """Return the body."""
    return msgspec.json.encode(fields)


def value_of(fields: Mapping[str, msgspec.Raw], name: str) -> Any:
    """Return the value of a field; None when it is not there."""
    raw = fields.get(name)
    return None if raw is None else orjson.loads(memoryview(raw))


def raw_of(value: Any) -> msgspec.Raw:
    """Return a value's JSON, as a field."""
    return msgspec.Raw(orjson.dumps(value))


def fields_for(
    path: str, fields: Fields, quirks: Quirks, flags: Mapping[str, Any], *, is_bridged: bool = False
) -> Fields:
    """Return the fields as the API takes them.

    Args:
        path: which call it is: `chat/completions`, `embeddings`, another.
        fields: as the caller wrote them, the model's name already the API's.
        quirks: of the API.
        flags: of the model.
        is_bridged: the messages stay as they are, because they are going to be written in another dialect.
    """
    if path == EMBEDDINGS:
        return _by_rules(fields, quirks.embeddings)
    return _chat(fields, quirks, flags, is_bridged=is_bridged) if path == CHAT else dict(fields)


def effort_of(fields: Mapping[str, msgspec.Raw], flags: Mapping[str, Any]) -> str:
    """Return how hard the model is to reason: as asked for, or as it does by itself; empty: nobody knows."""
    return str(value_of(fields, "reasoning_effort") or flags.get("default_effort", ""))


def with_known_effort(fields: Fields, known: Collection[str]) -> Fields:
    """Return the fields with an effort that the model knows: the next below what is asked for, else its lowest."""
    wanted = value_of(fields, "reasoning_effort")
    ranks = [EFFORTS.index(word) for word in EFFORTS if word in known]
    if not ranks or wanted in known or wanted not in EFFORTS:
        return fields
    rank = max((each for each in ranks if each <= EFFORTS.index(wanted)), default=ranks[0])
    return {**fields, "reasoning_effort": raw_of(EFFORTS[rank])}


def needs_responses(fields: Mapping[str, msgspec.Raw], flags: Mapping[str, Any]) -> bool:
    """Say whether a request has to go to the Responses API: by the model, or because it reasons and has tools."""
    when = flags.get("responses")
    if when != "tools":
        return when == "only"
    return fields.get("tools", _NO_LIST) != _NO_LIST and effort_of(fields, flags) != "none"


def with_usage(fields: Fields) -> bool:
    """Have a stream tell its token counts; say whether the caller had not asked for them."""
    wanted = value_of(fields, "stream_options")
    options = wanted if isinstance(wanted, dict) else {}
    if options.get("include_usage") is True:
        return False
    fields["stream_options"] = raw_of({**options, "include_usage": True})
    return True


def _chat(fields: Fields, quirks: Quirks, flags: Mapping[str, Any], *, is_bridged: bool) -> Fields:
    """Return the fields of a chat request.

    1. Names: what is null says nothing; renamed; what the API does not know is left out, but for what would make it
       another question: that is refused.
    2. What the model does not take.
    3. Values: words and ranges of the API.
    4. Messages.
    """
    given = {name: raw for name, raw in fields.items() if raw != _NULL}  # 1
    if quirks is not UNKNOWN:
        given = {name: raw for name, raw in given.items() if name not in _LIMITS or raw != _NO_LIMIT}
    out = _by_rules(given, quirks.chat)
    _permit(given, out)
    if out.get("tool_choice") is None and given.get("tool_choice") == _NO_CALL:
        out.pop("tools", None)  # who cannot be told not to call is not told of tools
    for name in _not_sampled(out, quirks, flags):  # 2
        out.pop(name, None)
    _values(out, quirks)  # 3
    if not is_bridged and (messages := out.get("messages")) is not None:  # 4
        out["messages"] = _messages(messages, quirks)
    return out


def _permit(given: Fields, out: Fields) -> None:
    """Raise BadRequest where a field that does not go out asks for more than one answer in words."""
    if "n" in given and "n" not in out and value_of(given, "n") != 1:
        raise BadRequest("`n` must be 1: this API gives one answer a request.", details={"param": "n"})
    if "modalities" in given and "modalities" not in out and value_of(given, "modalities") != ["text"]:
        raise BadRequest("`modalities` must be text: this API answers in words alone.", details={"param": "modalities"})


def _by_rules(fields: Fields, rules: FieldRules) -> Fields:
    if rules.is_empty:
        return dict(fields)
    named: Fields = {}
    for name, raw in fields.items():
        new = rules.rename.get(name, name)
        if new == name or new not in fields:
            named[new] = raw
    if rules.allow:
        return {name: raw for name, raw in named.items() if name in rules.allow}
    return {name: raw for name, raw in named.items() if name not in rules.drop}


def _not_sampled(fields: Fields, quirks: Quirks, flags: Mapping[str, Any]) -> Iterable[str]:
    """Return the fields that choose tokens and that this model refuses."""
    if not any(name in fields for name in _CHOOSING):
        return ()
    if quirks.no_sampling is not None and quirks.no_sampling.search(str(value_of(fields, "model"))):
        return _SAMPLING
    sampling = flags.get("sampling", "all")
    is_resting = sampling == "resting" and effort_of(fields, flags) == "none"
    return () if sampling == "all" or is_resting else _CHOOSING


def _values(fields: Fields, quirks: Quirks) -> None:
    effort = value_of(fields, "reasoning_effort") if quirks.efforts else None
    if isinstance(effort, str) and effort in quirks.efforts:
        fields["reasoning_effort"] = raw_of(quirks.efforts[effort])
    for name, (low, high) in quirks.ranges.items():
        number = value_of(fields, name)
        if isinstance(number, int | float) and not low <= number <= high:
            fields[name] = raw_of(min(max(number, low), high))
    if quirks.plain_thinking and isinstance(thinking := value_of(fields, "thinking"), dict):
        fields["thinking"] = raw_of({"type": "disabled" if thinking.get("type") == "disabled" else "enabled"})


# --- messages ------------------------------------------------------------------------------------------------------


def _messages(raw: msgspec.Raw, quirks: Quirks) -> msgspec.Raw:
    """Return the messages as the API takes them; the very bytes that came where nothing has to be changed."""
    if not quirks.changes_messages:
        return raw
    try:
        messages = _decode_messages(raw)
    except msgspec.MsgspecError:
        return raw  # the API will say what is wrong with it
    roles = [_role(message) for message in messages]
    turn = max((at for at, role in enumerate(roles) if role == "user"), default=-1) if quirks.reasoning_of_turn else 0
    changed = [
        _message(message, role, quirks, in_turn=at > turn)
        for at, (message, role) in enumerate(zip(messages, roles, strict=True))
    ]
    if quirks.prefix and roles and roles[-1] == "assistant" and not value_of(changed[-1], "tool_calls"):
        changed[-1] = {**changed[-1], "prefix": _TRUE}
    if all(new is old for new, old in zip(changed, messages, strict=True)):
        return raw
    return msgspec.Raw(msgspec.json.encode(changed))


def _role(message: Fields) -> str:
    raw = message.get("role")
    return "" if raw is None else bytes(raw)[1:-1].decode("utf-8", "replace")


def _message(message: Fields, role: str, quirks: Quirks, *, in_turn: bool) -> Fields:
    """Return a message as the API takes it; the same object where nothing has to be changed.

    Args:
        message: its fields, unread.
        role: whose it is.
        quirks: of the API.
        in_turn: it comes after the last thing the user said.
    """
    new: Fields = {}
    if (api_role := quirks.roles.get(role)) is not None:
        new["role"], role = raw_of(api_role), api_role
    allowed = quirks.message_allow.get(role)
    left = [
        name
        for name in message
        if name in quirks.message_drop or (allowed is not None and name not in allowed and name not in _ALWAYS)
    ]
    if quirks.reasoning_of_turn and not in_turn and "reasoning_content" in message:
        left.append("reasoning_content")
    new |= _calls(message, quirks)
    if not left and not new:
        return message
    return {name: new.get(name, raw) for name, raw in message.items() if name not in left}


def _calls(message: Fields, quirks: Quirks) -> Fields:
    """Return what has to be changed of a message's calls, or of the id of the call that it answers."""
    new: Fields = {}
    if "tool_calls" in message and (quirks.call_id_length or not quirks.call_extras):
        calls = value_of(message, "tool_calls")
        listed = calls if isinstance(calls, list) else []
        changed = [_call(call, quirks) if isinstance(call, dict) else call for call in listed]
        if changed != listed:
            new["tool_calls"] = raw_of(changed)
    if quirks.call_id_length and isinstance(call_id := value_of(message, "tool_call_id"), str):
        new["tool_call_id"] = raw_of(short_id(call_id, quirks.call_id_length))
    return new


def _call(call: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    out: dict[str, Any] = call if quirks.call_extras else {name: call[name] for name in _CALL if name in call}
    if quirks.call_id_length and isinstance(out.get("id"), str):
        out = {**out, "id": short_id(out["id"], quirks.call_id_length)}
    return out


def short_id(given: str, length: int) -> str:
    """Return an id of exactly so many letters and digits: the given one if it is, else always the same for the same."""
    if len(given) == length and re.fullmatch(r"[A-Za-z0-9]+", given):
        return given
    return hashlib.blake2b(given.encode("utf-8", "surrogatepass"), digest_size=length).hexdigest()[:length]
