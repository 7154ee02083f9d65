"""What is said to a model and what it says back, in no vendor's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""No fields; one for all, because an answer has thousands of deltas."""


class FinishReason(StrEnum):
    """Why a model stopped, in OpenAI's words (the common ones of all dialects)."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called, whole or in pieces.

    Attributes:
        index: position among the calls of this message (0, 1, ...).
        id: the call's id; None in later pieces of a streamed call.
        name: function name; None in later pieces.
        arguments: JSON text, or the next piece of it.
        extra: a vendor's own fields of the call (signatures), as they came: a client sends them back with it.
    """

    index: int
    id: str | None
    name: str | None
    arguments: str
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING, hash=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or OpenAI-style parts (text, image_url, ...), or None beside tool calls."""

    role: str
    content: str | tuple[Mapping[str, Any], ...] | None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, as the backend reported them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens; None means the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1


@dataclass(slots=True)
class CallNote:
    """What is learned of a call while it is made, beside its answer. Filled in by whoever knows it.

    Attributes:
        key_id: id of the key in the vault with which it was sent; empty: none, or one that is not in the vault.
    """

    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat turn to be answered.

    Attributes:
        model: the id the caller named (a catalog id or `auto`, `brain`, `executor`).
        messages: the conversation, oldest first.
        tools: OpenAI-style function declarations, untouched.
        sampling: token choice.
        stream: whether the caller wants deltas as they come.
        deadline: monotonic seconds after which nobody waits any more; None: the setting's default.
        extra: every field of the caller's JSON that has no place above, passed on as it came.
        note: filled in on the way; None where nobody reads it.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    sampling: Sampling = Sampling()
    stream: bool = False
    deadline: float | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    note: CallNote | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of an answer. Empty fields say nothing; `finish` ends the answer, `usage` may follow it.

    `extra` keeps what a backend's message carries beside these fields, as it came.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish: FinishReason | None = None
    model: str | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
