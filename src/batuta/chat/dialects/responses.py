"""Answers in the JSON of OpenAI's Responses API, read into deltas. Pure; knows nothing of sockets or engines.

Requests are in responses_request.py. Unknown events and items are passed over: the vendor adds some without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.chat.dialects.openai import InBandError, find_error
from batuta.chat.dialects.responses_request import ENCRYPTED, responses_body
from batuta.chat.types import Delta, FinishReason, ToolCall, Usage

__all__ = ["ENCRYPTED", "ResponsesReader", "decode_response", "responses_body"]

_ENDS: Final = ("response.completed", "response.incomplete")
_LENGTH: Final = {"max_output_tokens", "max_tokens"}


class ResponsesReader:
    """Reads the events of one streamed answer.

    Attributes:
        is_done: the last event has come. Nothing after it counts, and a stream that ends without it is cut.
    """

    def __init__(self) -> None:
        self._calls: dict[int, int] = {}  # output_index of a call -> its place among the calls
        self._spoken: set[int] = set()  # calls whose arguments came in pieces
        self._summaries = 0
        self.is_done = False

    def read(self, data: bytes) -> Delta | InBandError | None:
        """Read the data of one event; None when it says nothing that a caller needs."""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        if self.is_done or not isinstance(event, dict):
            return None
        kind = event.get("type")
        if kind == "response.output_text.delta":  # nearly all there are
            return Delta(text=_text(event.get("delta")))
        if kind in _ENDS:
            self.is_done = True
            return _end(_object(event.get("response")), has_calls=bool(self._calls))
        if kind == "response.failed":
            return _failed(_object(event.get("response")))
        if kind == "error":
            return find_error(event) or InBandError(_text(event.get("message")), _text(event.get("code")))
        read = self._READERS.get(kind) if isinstance(kind, str) else None
        return read(self, event) if read else None

    def _arguments(self, event: Mapping[str, Any]) -> Delta | None:
        place = self._calls.get(_place(event))
        if place is None:
            return None
        self._spoken.add(_place(event))
        return Delta(tool_calls=(ToolCall(place, None, None, _text(event.get("delta"))),))

    def _arguments_done(self, event: Mapping[str, Any]) -> Delta | None:
        if _place(event) in self._spoken:
            return None
        return self._arguments({**event, "delta": event.get("arguments")})

    def _added(self, event: Mapping[str, Any]) -> Delta | None:
        item = _object(event.get("item"))
        if item.get("type") != "function_call":
            return None
        place = self._calls[_place(event)] = len(self._calls)
        return Delta(tool_calls=(ToolCall(place, _text(item.get("call_id")), _text(item.get("name")), ""),))

    def _item_done(self, event: Mapping[str, Any]) -> Delta | None:
        item = _object(event.get("item"))
        if item.get("type") == "function_call":
            return self._arguments_done({**event, "arguments": item.get("arguments")})
        details = _details(item)
        return Delta(extra={"reasoning_details": [details]}) if details else None

    def _summary(self, event: Mapping[str, Any]) -> Delta:
        return Delta(reasoning=_text(event.get("delta")))

    def _summary_part(self, _event: Mapping[str, Any]) -> Delta | None:
        self._summaries += 1
        return Delta(reasoning="\n\n") if self._summaries > 1 else None

    def _refusal(self, event: Mapping[str, Any]) -> Delta:
        return Delta(extra={"refusal": _text(event.get("delta"))})

    _READERS: Final = {
        "response.function_call_arguments.delta": _arguments,
        "response.function_call_arguments.done": _arguments_done,
        "response.output_item.added": _added,
        "response.output_item.done": _item_done,
        "response.reasoning_summary_part.added": _summary_part,
        "response.reasoning_summary_text.delta": _summary,
        "response.reasoning_text.delta": _summary,  # models that do not hide it
        "response.refusal.delta": _refusal,
    }


def decode_response(body: Any) -> Delta | InBandError | None:
    """Read a whole answer as one delta; None when it is no answer."""
    if not isinstance(body, dict):
        return None
    if error := find_error(body):
        return error
    if body.get("status") == "failed":
        return _failed(body)
    output = body.get("output")
    if not isinstance(output, list):
        return None
    items = [item for item in output if isinstance(item, dict)]
    calls = [item for item in items if item.get("type") == "function_call"]
    end = _end(body, has_calls=bool(calls))
    extra: dict[str, Any] = {}
    if details := [detail for item in items if (detail := _details(item))]:
        extra["reasoning_details"] = details
    if refusal := _joined(items, "message", "refusal"):
        extra["refusal"] = refusal
    return Delta(
        text=_joined(items, "message", "text"),
        reasoning="\n\n".join(filter(None, (_thought(item) for item in items))),
        tool_calls=tuple(
            ToolCall(place, _text(item.get("call_id")), _text(item.get("name")), _text(item.get("arguments")))
            for place, item in enumerate(calls)
        ),
        usage=end.usage,
        finish=end.finish,
        model=end.model,
        extra=extra,
    )


def _end(response: Mapping[str, Any], *, has_calls: bool) -> Delta:
    """Return how an answer ended, and what it took."""
    finish = FinishReason.TOOL_CALLS if has_calls else FinishReason.STOP
    if response.get("status") == "incomplete":
        reason = _text(_object(response.get("incomplete_details")).get("reason"))
        finish = FinishReason.LENGTH if reason in _LENGTH else FinishReason.CONTENT_FILTER
    return Delta(finish=finish, usage=_usage(response.get("usage")), model=_text(response.get("model")) or None)


def _failed(response: Mapping[str, Any]) -> InBandError:
    return find_error(response) or InBandError("the answer failed, and nobody said why")


def _details(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a model thought in a form that a client sends back, None for an item that is nothing of the kind."""
    data = item.get("encrypted_content")
    if item.get("type") != "reasoning" or not data:
        return None
    details = {"type": "reasoning.encrypted", "data": data, "id": item.get("id"), "format": ENCRYPTED}
    return {**details, "summary": summary} if (summary := _thought(item)) else details


def _thought(item: Mapping[str, Any]) -> str:
    if item.get("type") != "reasoning":
        return ""
    parts = item.get("summary") or item.get("content")
    texts = (_text(part.get("text")) for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return "\n\n".join(filter(None, texts))


def _joined(items: list[dict[str, Any]], kind: str, field: str) -> str:
    """Return what the parts of all items of a kind have in a field, in one text."""
    contents = (item.get("content") for item in items if item.get("type") == kind)
    parts = (part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict))
    return "".join(_text(part.get(field)) for part in parts)


def _usage(raw: Any) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    return Usage(
        prompt_tokens=_count(raw.get("input_tokens")),
        completion_tokens=_count(raw.get("output_tokens")),
        cached_tokens=_count(_object(raw.get("input_tokens_details")).get("cached_tokens")),
        reasoning_tokens=_count(_object(raw.get("output_tokens_details")).get("reasoning_tokens")),
    )


def _place(event: Mapping[str, Any]) -> int:
    place = event.get("output_index")
    return place if isinstance(place, int) else 0


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
