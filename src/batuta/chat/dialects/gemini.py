"""Gemini's answers as Batuta's deltas. Pure functions and one reader; knows no sockets and no faults.

An answer is one GenerateContentResponse, or several in a stream, each with whole parts. Facts are those of
`generative_service.proto` of the v1beta API; what is newer than it stands in the tables with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from batuta.chat.types import NOTHING, Delta, FinishReason, ToolCall, Usage

FINISHES: Final[Mapping[str, FinishReason]] = {"STOP": FinishReason.STOP, "MAX_TOKENS": FinishReason.LENGTH}
"""finishReason of an answer that ended well -> ours. Calls end with STOP, too."""

REFUSALS: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
"""finishReason of an answer that rules on content have ended."""

FAILURES: Final = frozenset(
    {
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)
"""finishReason of an answer that went wrong. Any other word ends an answer that has words, and is a failure else."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Rules on content forbade the question, or the answer before its first word. `reason`: Gemini's word for it."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer came to a bad end that is nobody's wish."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error where an answer belongs, or the body of a status that is none of success.

    Attributes:
        status: the HTTP status it names; 500 where it names none.
        body: the object `{"error": ...}`, out of the list that Google sometimes puts it in.
    """

    status: int
    body: Mapping[str, Any]


def find_error(said: Any) -> ErrorBody | None:
    """Return the error that a JSON value is, alone or as the first of a list; None if it is none."""
    if isinstance(said, list):
        said = said[0] if said else None
    error = said.get("error") if isinstance(said, dict) else None
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    return ErrorBody(code if isinstance(code, int) and 400 <= code <= 599 else 500, {"error": error})


class Reader:
    """Reads one answer, piece after piece.

    Args:
        new_id: makes the id of a call that has none: clients name it in the tool's answer.

    Attributes:
        is_done: the answer has come to its end.
        is_empty: no word, thought or call has been read.
    """

    __slots__ = ("_calls", "_has_media", "_has_told_usage", "_meta", "_new_id", "is_done", "is_empty")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._calls = 0
        self._meta: Mapping[str, Any] = NOTHING
        self._has_media = False
        self._has_told_usage = False
        self.is_done = False
        self.is_empty = True

    def read(self, said: Any) -> Delta | Refused | Failed | ErrorBody | None:
        """Return what a piece says; None when that is nothing.

        1. After the end only the counts matter, if they have not been told.
        2. An error.
        3. A question that was refused has no candidates.
        4. The first candidate's parts, and how it ended.
        """
        if isinstance(said, dict) and isinstance(meta := said.get("usageMetadata"), dict):
            self._meta = meta
        if self.is_done:  # 1
            usage = self._usage()
            return Delta(usage=usage) if usage else None
        if not isinstance(said, dict) or said.get("error"):  # 2
            return find_error(said)
        candidate = _first(said.get("candidates"))
        if candidate is None:  # 3
            return _blocked(said.get("promptFeedback"))
        return self._candidate(candidate, said.get("modelVersion"))  # 4

    def _candidate(self, candidate: Mapping[str, Any], model: Any) -> Delta | Refused | Failed | None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        text, reasoning, signature = "", "", ""
        calls: list[ToolCall] = []
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                continue
            if isinstance(said := part.get("text"), str):
                if part.get("thought"):
                    reasoning += said
                else:
                    text += said
                    signature = _text(part.get("thoughtSignature")) or signature
            elif isinstance(call := part.get("functionCall"), dict):
                calls.append(self._call(call, part.get("thoughtSignature")))
            elif "inlineData" in part:
                self._has_media = True
            else:  # nothing but the signature of what was said before
                signature = _text(part.get("thoughtSignature")) or signature
        if text or reasoning or calls:
            self.is_empty = False
        reason = candidate.get("finishReason")
        finish = self._end(str(reason), candidate) if reason else None
        if isinstance(finish, Refused | Failed):
            return finish
        if not (text or reasoning or calls or signature or finish):
            return None
        return Delta(
            text,
            reasoning,
            tuple(calls),
            self._usage() if finish else None,
            finish,
            model if isinstance(model, str) else None,
            _signed(signature) if signature else NOTHING,
        )

    def _call(self, call: Mapping[str, Any], signature: Any) -> ToolCall:
        index, self._calls = self._calls, self._calls + 1
        call_id = call.get("id")
        return ToolCall(
            index,
            call_id if isinstance(call_id, str) and call_id else self._new_id(),
            str(call.get("name") or ""),
            orjson.dumps(call.get("args") or {}).decode(),
            _signed(signature) if isinstance(signature, str) and signature else NOTHING,
        )

    def _end(self, reason: str, candidate: Mapping[str, Any]) -> FinishReason | Refused | Failed:
        """Return how the answer ended. Rules on content that strike after the first word end what is there."""
        self.is_done = True
        said = str(candidate.get("finishMessage") or "")
        if reason in REFUSALS:
            return Refused(reason, said) if self.is_empty else FinishReason.CONTENT_FILTER
        if reason in FAILURES:
            return Failed(reason, said)
        if self.is_empty and self._has_media:
            return Failed(reason, "it answered with a picture or sound alone, and only text is passed on")
        finish = FINISHES.get(reason)
        if finish is None and self.is_empty:
            return Failed(reason, said)
        if self._calls and finish is not FinishReason.LENGTH:
            return FinishReason.TOOL_CALLS
        return finish or FinishReason.STOP

    def _usage(self) -> Usage | None:
        if self._has_told_usage or not self._meta:
            return None
        self._has_told_usage = True
        return usage_of(self._meta)


def usage_of(meta: Mapping[str, Any]) -> Usage:
    """Return the counts of a usageMetadata: thoughts are part of the answer, what tools fetched part of the prompt."""
    thoughts = _count(meta.get("thoughtsTokenCount"))
    return Usage(
        prompt_tokens=_count(meta.get("promptTokenCount")) + _count(meta.get("toolUsePromptTokenCount")),
        completion_tokens=_count(meta.get("candidatesTokenCount")) + thoughts,
        cached_tokens=_count(meta.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
    )


def embed_body(model: str, inputs: list[str]) -> dict[str, Any]:
    """Return the body of batchEmbedContents. `model`: as in the path, `models/NAME`."""
    return {"requests": [{"model": model, "content": {"parts": [{"text": text}]}} for text in inputs]}


def decode_embeddings(said: Any) -> tuple[tuple[tuple[float, ...], ...], Usage] | None:
    """Return the vectors in the order of the inputs, and the usage; None when it is no such answer."""
    rows = said.get("embeddings") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        return None
    try:
        vectors = tuple(tuple(float(number) for number in row["values"]) for row in rows)
    except (TypeError, ValueError, KeyError):
        return None
    meta = said.get("usageMetadata")
    return vectors, usage_of(meta) if isinstance(meta, dict) else Usage()


def _first(candidates: Any) -> Mapping[str, Any] | None:
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict) and not candidate.get("index"):
            return candidate
    return None


def _blocked(feedback: Any) -> Refused | None:
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return Refused(str(reason), str(feedback.get("blockReasonMessage") or "")) if reason else None


def _signed(signature: str) -> Mapping[str, Any]:
    """Return a signature where Google's endpoint in OpenAI's dialect has it, too."""
    return {"extra_content": {"google": {"thought_signature": signature}}}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < 2**53 else 0
