"""OpenAI's chat dialect: pure functions between its JSON and Batuta's types. Knows nothing of sockets or engines.

Reading is generous (missing fields, nulls, vendors' own fields), writing is exact. Only the first choice of an answer
becomes deltas: callers who ask for several get the bytes passed through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from batuta.chat import sse
from batuta.chat.dialects.openai_request import call_body, call_extra, chat_body, model_name, parse_chat
from batuta.chat.types import Delta, FinishReason, ToolCall, Usage
from batuta.errors import BatutaError, Culprit

__all__ = [
    "DONE",
    "DONE_EVENT",
    "Done",
    "InBandError",
    "chat_body",
    "decode_completion",
    "decode_embeddings",
    "decode_event",
    "encode_completion",
    "encode_delta",
    "encode_embeddings",
    "encode_error",
    "error_body",
    "find_error",
    "model_name",
    "parse_chat",
]


@dataclass(frozen=True, slots=True)
class Done:
    """The end marker `[DONE]`."""


@dataclass(frozen=True, slots=True)
class InBandError:
    """An error that a backend put where an answer belongs.

    Attributes:
        message: its words.
        kind: what it calls itself.
        status: the HTTP status that it names, if it does.
        code: what it calls itself more exactly, where it has two names.
    """

    message: str
    kind: str = ""
    status: int | None = None
    code: str = ""


DONE: Final = Done()
DONE_EVENT: Final = b"data: [DONE]\n\n"

FINISHES: dict[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    # What others say for the same:
    "function_call": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "safety": FinishReason.CONTENT_FILTER,
}
"""finish_reason -> ours. Any other word means that the model stopped by itself."""

ERROR_TYPES: dict[Culprit, str] = {
    Culprit.CALLER: "invalid_request_error",
    Culprit.MODEL: "model_error",
    Culprit.PROVIDER: "upstream_error",
    Culprit.HOST: "server_error",
    Culprit.BATUTA: "server_error",
}
_PIECES = {"refusal", "reasoning_details"}  # fields of a message that a stream tells piece by piece
_MESSAGE_FIELDS = {"role", "content", "reasoning_content", "reasoning", "tool_calls"}


# --- answers, read -------------------------------------------------------------------------------------------------


def decode_event(data: bytes) -> Delta | InBandError | Done | None:
    """Read the data of one event of a stream; None when there is nothing in it that we know (garbage included)."""
    if data.strip() == b"[DONE]":
        return DONE
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    return find_error(body) or _delta(body, "delta")


def decode_completion(body: Any) -> Delta | InBandError | None:
    """Read a whole answer as one delta; None when it is no answer."""
    if not isinstance(body, dict):
        return None
    return find_error(body) or _delta(body, "message")


def find_error(body: Mapping[str, Any]) -> InBandError | None:
    """Return the error a JSON object carries, in any of the forms backends use, or None."""
    error = body.get("error")
    if not error:
        return None
    if not isinstance(error, dict):
        return InBandError(str(error))
    code = error.get("code")
    named = (_status(error.get(name)) for name in ("status", "code", "status_code"))  # Google's `status` is a word
    kind, code = error.get("type"), code if isinstance(code, str) else ""
    message = error.get("message") or error.get("detail") or orjson.dumps(error).decode()
    status = next((status for status in named if status is not None), None)
    return InBandError(str(message), str(kind), status, code) if kind else InBandError(str(message), code, status)


def _status(value: Any) -> int | None:
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    return number if isinstance(number, int) and 400 <= number <= 599 else None


def _delta(body: Mapping[str, Any], field: str) -> Delta | None:
    listed = body.get("choices")
    choices: list[Any] = listed if isinstance(listed, list) else []
    usage = _usage(body.get("usage"))
    choice = next((item for item in choices if isinstance(item, dict) and not item.get("index")), None)
    if choice is None:
        return Delta(usage=usage, model=_text(body.get("model")) or None) if usage else None
    said = choice.get(field)
    message: Mapping[str, Any] = said if isinstance(said, dict) else {"content": choice.get("text")}
    finish = choice.get("finish_reason")
    return Delta(
        text=_text(message.get("content")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        tool_calls=_tool_calls(message.get("tool_calls")),
        usage=usage,
        finish=FINISHES.get(str(finish).lower(), FinishReason.STOP) if finish else None,
        model=_text(body.get("model")) or None,
        extra={key: value for key, value in message.items() if key not in _MESSAGE_FIELDS and value is not None},
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # content as parts
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return ""


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_tool_call(call, position) for position, call in enumerate(value) if isinstance(call, dict))


def _tool_call(raw: Mapping[str, Any], position: int) -> ToolCall:
    said = raw.get("function")
    function: Mapping[str, Any] = said if isinstance(said, dict) else {}
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):  # some servers send the object itself
        arguments = orjson.dumps(arguments).decode()
    index = raw.get("index")
    return ToolCall(
        index=index if isinstance(index, int) else position,
        id=_text(raw.get("id")) or None,
        name=_text(function.get("name")) or None,
        arguments=arguments or "",
        extra=call_extra(raw),
    )


def _usage(raw: Any) -> Usage | None:
    """Return usage as OpenAI counts: reasoning is a part of the completion. Who counts it beside, the total tells."""
    if not isinstance(raw, dict):
        return None
    prompt, completion = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
    cached = _count(raw.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _count(raw.get("completion_tokens_details"), "reasoning_tokens")
    if reasoning and _count(raw.get("total_tokens")) == prompt + completion + reasoning:
        completion += reasoning
    return Usage(prompt, completion, cached or _count(raw.get("prompt_cache_hit_tokens")), reasoning)


def _count(value: Any, field: str | None = None) -> int:
    if field is not None:
        value = value.get(field) if isinstance(value, dict) else None
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < 2**53 else 0


# --- answers, written ----------------------------------------------------------------------------------------------


def encode_delta(
    delta: Delta, *, answer_id: str, model: str, created: int, is_first: bool = False, is_quiet: bool = False
) -> bytes:
    """Return the event(s) of a delta: one with the choice, and one of its own for usage, with empty choices.

    Args:
        delta: what is new.
        answer_id: the same for all events of an answer (`chatcmpl-...`).
        model: what the caller is told answered.
        created: wall seconds at which the answer began.
        is_first: the first event of an answer names the role.
        is_quiet: the caller did not ask for usage: its event gets a choice with nothing in it, because a client that
            has never seen an event without choices may fall over one.
    """
    head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
    said: dict[str, Any] = {"role": "assistant"} if is_first else {}
    if delta.text or is_first:
        said["content"] = delta.text
    if delta.reasoning:
        said["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        said["tool_calls"] = [_call_piece(call) for call in delta.tool_calls]
    said.update(delta.extra)
    events = b""
    if said or delta.finish:
        choice = {"index": 0, "delta": said, "logprobs": None, "finish_reason": delta.finish}
        events = sse.encode(orjson.dumps({**head, "choices": [choice]}))
    if delta.usage:
        choices = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}] if is_quiet else []
        events += sse.encode(orjson.dumps({**head, "choices": choices, "usage": _usage_body(delta.usage)}))
    return events


def encode_completion(deltas: Iterable[Delta], *, answer_id: str, model: str, created: int) -> dict[str, Any]:
    """Return the JSON of a whole answer from its deltas; pieces of tool calls are joined by their index."""
    text, reasoning, usage, finish = [], [], Usage(), FinishReason.STOP
    calls: dict[int, ToolCall] = {}
    extra: dict[str, Any] = {}
    for delta in deltas:
        text.append(delta.text)
        reasoning.append(delta.reasoning)
        usage = delta.usage or usage
        finish = delta.finish or finish
        for name, value in delta.extra.items():
            extra[name] = _longer(extra.get(name), value) if name in _PIECES else value
        for call in delta.tool_calls:
            calls[call.index] = _join(calls.get(call.index), call)
    joined = "".join(text)
    message: dict[str, Any] = {"role": "assistant", "content": joined if joined or not calls else None}
    if any(reasoning):
        message["reasoning_content"] = "".join(reasoning)
    if calls:
        message["tool_calls"] = [call_body(calls[index]) for index in sorted(calls)]
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": {**message, **extra}, "logprobs": None, "finish_reason": finish}],
        "usage": _usage_body(usage),
    }


def _longer(known: Any, piece: Any) -> Any:
    is_next = isinstance(known, str | list) and type(known) is type(piece)
    return known + piece if is_next else piece


def _join(known: ToolCall | None, piece: ToolCall) -> ToolCall:
    if known is None:
        return piece
    extra = {**known.extra, **piece.extra} if piece.extra else known.extra
    arguments = known.arguments + piece.arguments
    return ToolCall(known.index, known.id or piece.id, known.name or piece.name, arguments, extra)


def _call_piece(call: ToolCall) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": call.arguments}
    piece: dict[str, Any] = {"index": call.index, "function": function}
    if call.id is not None:
        piece |= {"id": call.id, "type": "function"}
    if call.name is not None:
        function["name"] = call.name
    if call.extra:
        piece |= call.extra
    return piece


def _usage_body(usage: Usage) -> dict[str, Any]:
    body: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    if usage.cached_tokens:
        body["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return body


# --- embeddings ----------------------------------------------------------------------------------------------------


def decode_embeddings(body: Any) -> tuple[tuple[tuple[float, ...], ...], Usage] | InBandError | None:
    """Return the vectors in the order of the inputs, and the usage; None when it is no such answer."""
    if not isinstance(body, dict):
        return None
    if error := find_error(body):
        return error
    rows = body.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "embedding" in row for row in rows):
        return None
    ordered = sorted(rows, key=lambda row: row.get("index") or 0)  # a stable sort: who numbers nothing keeps its order
    try:
        vectors = tuple(tuple(float(number) for number in row["embedding"]) for row in ordered)
    except (TypeError, ValueError):
        return None
    return vectors, _usage(body.get("usage")) or Usage()


def encode_embeddings(vectors: Iterable[Iterable[float]], usage: Usage, *, model: str) -> dict[str, Any]:
    """Return the JSON of an embeddings answer."""
    data = [{"object": "embedding", "index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]
    tokens = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return {"object": "list", "data": data, "model": model, "usage": tokens}


# --- errors --------------------------------------------------------------------------------------------------------


def error_body(error: BatutaError) -> dict[str, Any]:
    """Return the JSON body of an error: OpenAI's fields, and what Batuta knows beside them."""
    details = dict(error.details)
    body: dict[str, Any] = {
        "message": error.message,
        "type": ERROR_TYPES[error.culprit],
        "code": error.code,
        "param": details.pop("param", None),
    }
    known = {
        "model": error.model,
        "cause": error.cause,
        "suggestion": error.suggestion,
        "retry_after_s": error.retry_after_s,
        "details": details or None,
    }
    body.update((key, value) for key, value in known.items() if value is not None)
    return {"error": body}


def encode_error(error: BatutaError) -> bytes:
    """Return the event that tells of an error in the middle of a stream."""
    return sse.encode(orjson.dumps(error_body(error)))
