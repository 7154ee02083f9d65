"""Chat requests in OpenAI's JSON, read and written. Refuses what no backend could mean, before any backend is asked.

Knows nothing of answers. Fields that have no place in ChatRequest stay in `extra` and go out as they came in.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from batuta.chat.types import NOTHING, ChatRequest, Message, Sampling, ToolCall
from batuta.errors import BadRequest

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 100),  # OpenAI stops at 2; local samplers with min_p make sense of more
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
"""Numbers and what they may be, both ends included: what OpenAI documents unless said otherwise."""

COUNTS: dict[str, tuple[int, int]] = {
    "max_tokens": (-1, 10_000_000),  # no context is longer; -1 is llama-server's word for no limit
    "max_completion_tokens": (-1, 10_000_000),
    "n": (1, 16),
    "seed": (-(2**63), 2**64 - 1),
    "top_logprobs": (0, 20),
}
MAX_NAME = 256  # characters of a model id; the longest in use have about a hundred
MAX_STOPS = 64
_OURS = {"model", "messages", "tools", "temperature", "top_p", "max_tokens", "stop", "seed", "n", "stream"}
_MESSAGE = {"role", "content", "name", "tool_calls", "tool_call_id"}
_CALL = {"index", "id", "type", "function"}


def parse_chat(body: Any) -> ChatRequest:
    """Read the JSON of `POST /v1/chat/completions`. Raises BadRequest naming the field and what it should be."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object with `model` and `messages`.")
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise _wrong("stream", "must be true or false")
    return ChatRequest(
        model=model_name(body),
        messages=_messages(body.get("messages")),
        tools=_objects(body.get("tools"), "tools"),
        sampling=_sampling(body),
        stream=bool(stream),
        extra={key: value for key, value in body.items() if key not in _OURS},
    )


def model_name(body: Mapping[str, Any]) -> str:
    """Return the model that a body names. Raises BadRequest when it is missing or no name."""
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise _wrong("model", "is required: the id of a model, or `auto`")
    if len(name) > MAX_NAME or any(unicodedata.category(char)[0] == "C" for char in name):
        raise _wrong("model", f"must have at most {MAX_NAME} characters and no control characters")
    return name


def chat_body(request: ChatRequest, *, model: str) -> dict[str, Any]:
    """Return the JSON that asks `model` for an answer to the request."""
    body: dict[str, Any] = {"model": model, "messages": [_message_body(message) for message in request.messages]}
    if request.tools:
        body["tools"] = list(request.tools)
    sampling = request.sampling
    # Who wrote max_completion_tokens has it in extra, and means the same.
    most = None if "max_completion_tokens" in request.extra else sampling.max_tokens
    numbers = {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": most, "seed": sampling.seed}
    body.update((key, value) for key, value in numbers.items() if value is not None)
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.n != 1:
        body["n"] = sampling.n
    if request.stream:
        body["stream"] = True
    return {**body, **request.extra}


# --- parts of a request --------------------------------------------------------------------------------------------


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})


def _sampling(body: Mapping[str, Any]) -> Sampling:
    for field, (low, high) in RANGES.items():
        _number(body.get(field), field, low, high)
    for field, (least, most) in COUNTS.items():
        value = _number(body.get(field), field, least, most)
        if isinstance(value, float):
            raise _wrong(field, "must be a whole number")
    limit = body.get("max_completion_tokens")
    return Sampling(
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        max_tokens=body.get("max_tokens") if limit is None else limit,
        stop=_stops(body.get("stop")),
        seed=body.get("seed"),
        n=body.get("n") or 1,
    )


def _number(value: Any, field: str, low: float, high: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(field, "must be a number")
    if not low <= value <= high:
        raise _wrong(field, f"must be between {low:,} and {high:,}; it is {value}")
    return value


def _stops(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MAX_STOPS or not all(isinstance(stop, str) for stop in stops):
        raise _wrong("stop", f"must be a text or a list of at most {MAX_STOPS} texts")
    return tuple(stops)


def _objects(value: Any, field: str) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(field, "must be a list of objects")
    return tuple(value)


def _messages(value: Any) -> tuple[Message, ...]:
    messages = _objects(value, "messages")
    if not messages:
        raise _wrong("messages", "is required: a list with at least one message")
    return tuple(_message(message, f"messages[{index}]") for index, message in enumerate(messages))


def _message(raw: Mapping[str, Any], at: str) -> Message:
    role, content = raw.get("role"), raw.get("content")
    if not isinstance(role, str) or not role:
        raise _wrong(f"{at}.role", "is required: `system`, `user`, `assistant` or `tool`")
    if content is not None and not isinstance(content, str):
        content = _objects(content, f"{at}.content")
    for field in ("name", "tool_call_id"):
        if not isinstance(raw.get(field), str | None):
            raise _wrong(f"{at}.{field}", "must be a text")
    calls = _objects(raw.get("tool_calls"), f"{at}.tool_calls")
    extra = {key: value for key, value in raw.items() if key not in _MESSAGE}
    return Message(
        role=role,
        content=content,
        name=raw.get("name"),
        tool_calls=tuple(_tool_call(call, index, at) for index, call in enumerate(calls)),
        tool_call_id=raw.get("tool_call_id"),
        extra=extra,
    )


def _tool_call(raw: Mapping[str, Any], index: int, at: str) -> ToolCall:
    function = raw.get("function")
    arguments = function.get("arguments", "") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(arguments, str):
        raise _wrong(f"{at}.tool_calls[{index}]", "needs a `function` with a name and arguments as JSON text")
    call_id, name = raw.get("id"), function.get("name")
    if not isinstance(call_id, str | None) or not isinstance(name, str | None):
        raise _wrong(f"{at}.tool_calls[{index}]", "must have an `id` and a name that are texts")
    return ToolCall(index, call_id, name, arguments, call_extra(raw))


def _message_body(message: Message) -> dict[str, Any]:
    content = list(message.content) if isinstance(message.content, tuple) else message.content
    body: dict[str, Any] = {"role": message.role, "content": content}
    if message.name is not None:
        body["name"] = message.name
    if message.tool_calls:
        body["tool_calls"] = [call_body(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return {**body, **message.extra}


def call_body(call: ToolCall) -> dict[str, Any]:
    """Return a whole tool call as a message carries it."""
    body = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return {**body, **call.extra} if call.extra else body


def call_extra(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a vendor's own fields of a tool call (signatures): they must come back to it."""
    if raw.keys() <= _CALL:
        return NOTHING
    return {key: value for key, value in raw.items() if key not in _CALL}
