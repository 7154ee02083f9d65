"""Anthropic's answers as Batuta's deltas: pure functions and one reader of a stream's events. Knows no sockets.

Reading is generous: events, blocks and fields that nobody here knows are skipped, as Anthropic asks of its readers.
Requests are written by anthropic_request.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from batuta.chat.dialects.anthropic_turns import PLACE, SIGNED, THINKING_BLOCKS
from batuta.chat.dialects.openai import InBandError, find_error
from batuta.chat.types import NOTHING, Delta, FinishReason, ToolCall, Usage

FINISHES: Final[dict[str, FinishReason]] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}
"""stop_reason -> ours. Any other word means that the model stopped by itself."""

ANSWER: Final = "answer"  # kind of the block whose input is the answer's text

_Json = Mapping[str, Any]
_COUNTS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


class AnswerReader:
    """Reads the events of one stream. The end is told only when `message_stop` has come.

    Args:
        answer_tool: the tool whose input is the answer's text; empty: the text is.

    Attributes:
        is_done: `message_stop` has come.
        is_empty: no event has come that is known.
    """

    __slots__ = (
        "_blocks",
        "_calls",
        "_chars",
        "_deltas",
        "_events",
        "_finish",
        "_has_arguments",
        "_model",
        "_refusal",
        "_thoughts",
        "_tool",
        "_usage",
        "is_done",
        "is_empty",
    )

    def __init__(self, *, answer_tool: str = "") -> None:
        self._tool = answer_tool
        self._model: str | None = None
        self._blocks: dict[int, tuple[str, int]] = {}  # block's index -> its kind, and its number among the calls
        self._calls = 0
        self._chars = 0
        self._has_arguments = False  # the open call has said some
        self._thoughts: list[dict[str, Any]] = []
        self._finish: FinishReason | None = None
        self._refusal = ""
        self._usage: dict[str, Any] = {}
        self.is_done = False
        self.is_empty = True
        self._events: dict[str, Callable[[_Json], Delta | None]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
        }
        self._deltas: dict[str, Callable[[_Json, _Json], Delta | None]] = {
            "text_delta": self._text_delta,
            "input_json_delta": self._input_delta,
            "thinking_delta": self._thinking_delta,
            "signature_delta": self._signature_delta,
        }

    def take(self, data: bytes) -> Delta | InBandError | None:
        """Read the data of one event; None where it says nothing that a caller would see."""
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        if self.is_done or not isinstance(said, dict):
            return None
        kind = _text(said.get("type"))
        if (read := self._events.get(kind)) is not None:
            self.is_empty = False
            return read(said)
        return find_error(said) if kind == "error" or "error" in said else None

    def _say(self, text: str = "", reasoning: str = "", call: ToolCall | None = None) -> Delta:
        """Return a delta; the first one tells the model's name."""
        model, self._model = self._model, None
        return Delta(text, reasoning, (call,) if call is not None else (), None, None, model, NOTHING)

    def _words(self, text: str) -> Delta | None:
        self._chars += len(text)
        return self._say(text) if text else None

    # --- the message -----------------------------------------------------------------------------------------------

    def _message_start(self, said: _Json) -> None:
        message = _object(said.get("message"))
        self._model = _text(message.get("model")) or None
        self._count(message.get("usage"))

    def _message_delta(self, said: _Json) -> None:
        delta = _object(said.get("delta"))
        if (finish := finish_of(delta, answer_tool=self._tool)) is not None:
            self._finish = finish
            self._events = {name: self._events[name] for name in ("message_delta", "message_stop")}  # no more words
        self._refusal = refusal_of(delta) or self._refusal
        self._count(said.get("usage"))

    def _message_stop(self, _: _Json) -> Delta:
        self.is_done = True
        return Delta(
            usage=usage_of(self._usage) if self._usage else None,
            finish=self._finish or FinishReason.STOP,
            model=self._model,
            extra=extra_of(self._thoughts, self._refusal),
        )

    def _count(self, usage: Any) -> None:
        """Take in counts: they are of the whole answer so far, and what is missing, or none, stands as it was."""
        self._usage.update((name, value) for name, value in _object(usage).items() if value)

    # --- blocks ----------------------------------------------------------------------------------------------------

    def _block_start(self, said: _Json) -> Delta | None:
        block = _object(said.get("content_block"))
        kind = _text(block.get("type"))
        if kind == "tool_use" and self._tool and block.get("name") == self._tool:
            kind = ANSWER
        self._blocks[_number(said.get("index"))] = (kind, self._calls)
        if kind == "text":
            return self._words(_text(block.get("text")))
        if kind in {"tool_use", ANSWER}:
            return self._call_start(block, is_answer=kind == ANSWER)
        if kind in SIGNED:
            self._thoughts.append(placed(block, self._chars, self._calls))
            if thought := _text(block.get("thinking")):
                return self._say("", thought)
        return None

    def _call_start(self, block: _Json, *, is_answer: bool) -> Delta | None:
        given = block.get("input")  # empty in a stream, but some servers give it whole
        arguments = orjson.dumps(given).decode() if given else ""
        self._has_arguments = bool(arguments)
        if is_answer:
            return self._words(arguments)
        number, self._calls = self._calls, self._calls + 1
        return self._say(call=ToolCall(number, _text(block.get("id")), _text(block.get("name")), arguments))

    def _block_delta(self, said: _Json) -> Delta | None:
        delta = _object(said.get("delta"))
        read = self._deltas.get(_text(delta.get("type")))
        return read(said, delta) if read is not None else None

    def _block_stop(self, said: _Json) -> Delta | None:
        kind, number = self._blocks.pop(_number(said.get("index")), ("", 0))
        if kind not in {"tool_use", ANSWER} or self._has_arguments:
            return None
        # A call without arguments is called with an empty object, not with nothing.
        return self._words("{}") if kind == ANSWER else self._say(call=ToolCall(number, None, None, "{}"))

    # --- pieces of blocks ------------------------------------------------------------------------------------------

    def _text_delta(self, _: _Json, delta: _Json) -> Delta | None:
        return self._words(_text(delta.get("text")))

    def _input_delta(self, said: _Json, delta: _Json) -> Delta | None:
        piece = _text(delta.get("partial_json"))
        kind, number = self._blocks.get(_number(said.get("index")), ("", 0))
        if not piece or kind not in {"tool_use", ANSWER}:
            return None
        self._has_arguments = True
        return self._words(piece) if kind == ANSWER else self._say(call=ToolCall(number, None, None, piece))

    def _thinking_delta(self, _: _Json, delta: _Json) -> Delta | None:
        piece = _text(delta.get("thinking"))
        self._add("thinking", piece)
        return self._say("", piece) if piece else None

    def _signature_delta(self, _: _Json, delta: _Json) -> None:
        self._add("signature", _text(delta.get("signature")))

    def _add(self, field: str, piece: str) -> None:
        if self._thoughts:
            thought = self._thoughts[-1]
            thought[field] = _text(thought.get(field)) + piece


# --- whole answers -------------------------------------------------------------------------------------------------


def decode_message(body: Any, *, answer_tool: str = "") -> Delta | InBandError | None:
    """Read a whole answer as one delta; None when it is no answer. `answer_tool`: as of AnswerReader."""
    if not isinstance(body, dict):
        return None
    if error := find_error(body):
        return error
    if body.get("type") != "message" or not isinstance(body.get("content"), list):
        return None
    text, reasoning = "", ""
    calls: list[ToolCall] = []
    thoughts: list[dict[str, Any]] = []
    for each in body["content"]:
        block = _object(each)
        kind = _text(block.get("type"))
        if kind == "text":
            text += _text(block.get("text"))
        elif kind == "tool_use" and answer_tool and block.get("name") == answer_tool:
            text += orjson.dumps(block.get("input") or {}).decode()
        elif kind == "tool_use":
            given = orjson.dumps(block.get("input") or {}).decode()
            calls.append(ToolCall(len(calls), _text(block.get("id")), _text(block.get("name")), given))
        elif kind in SIGNED:
            reasoning += _text(block.get("thinking"))
            thoughts.append(placed(block, len(text), len(calls)))
    usage = body.get("usage")
    return Delta(
        text=text,
        reasoning=reasoning,
        tool_calls=tuple(calls),
        usage=usage_of(usage) if isinstance(usage, dict) else None,
        finish=finish_of(body, answer_tool=answer_tool) or FinishReason.STOP,
        model=_text(body.get("model")) or None,
        extra=extra_of(thoughts, refusal_of(body)),
    )


# --- parts of both -------------------------------------------------------------------------------------------------


def finish_of(said: _Json, *, answer_tool: str = "") -> FinishReason | None:
    """Return why the model stopped, None where it is not said. A call that is the answer is no call."""
    reason = said.get("stop_reason")
    if not reason:
        return None
    finish = FINISHES.get(str(reason), FinishReason.STOP)
    return FinishReason.STOP if answer_tool and finish is FinishReason.TOOL_CALLS else finish


def refusal_of(said: _Json) -> str:
    """Return why an answer was refused, in Anthropic's words; empty where it was not, or they are none."""
    return _text(_object(said.get("stop_details")).get("explanation")) if said.get("stop_reason") == "refusal" else ""


def usage_of(said: _Json) -> Usage:
    """Return the token counts: Anthropic counts what it read from its cache, and wrote to it, apart from the rest."""
    fresh, written, read, out = (_number(said.get(name)) for name in _COUNTS)
    thought = _number(_object(said.get("output_tokens_details")).get("thinking_tokens"))
    return Usage(fresh + written + read, out, cached_tokens=read, reasoning_tokens=thought)


def placed(block: _Json, chars: int, calls: int) -> dict[str, Any]:
    """Return a thinking block as it came, with its place where it does not stand at the very beginning."""
    return {**block, PLACE: [chars, calls]} if chars or calls else dict(block)


def extra_of(thoughts: list[dict[str, Any]], refusal: str) -> Mapping[str, Any]:
    """Return what an answer carries beside its text and calls."""
    if not thoughts and not refusal:
        return NOTHING
    return ({THINKING_BLOCKS: thoughts} if thoughts else {}) | ({"refusal": refusal} if refusal else {})


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < 2**53 else 0
