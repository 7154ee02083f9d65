"""Writes answers in OpenAI's form: chats and completions, whole and as stream, embeddings, the list of models. Pure."""

from __future__ import annotations

import base64
import secrets
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from batuta.loader.engines.hf.errors import ApiError
from batuta.loader.engines.hf.toolcalls import Call, Piece

DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a prompt and of its answer."""

    prompt: int
    completion: int

    def to_json(self) -> dict[str, int]:
        """Return OpenAI's `usage`."""
        total = self.prompt + self.completion
        return {"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": total}


@dataclass
class Writer:
    """Writes one answer of a chat (`is_chat`) or a completion."""

    model: str
    is_chat: bool
    ident: str = ""
    created: int = field(default_factory=lambda: int(time.time()))
    calls: int = 0

    def __post_init__(self) -> None:
        self.ident = self.ident or f"{'chatcmpl' if self.is_chat else 'cmpl'}-{secrets.token_hex(12)}"

    def begin(self) -> bytes:
        """Return the first event: who speaks."""
        return self._event([self._choice({"role": "assistant", "content": ""}, None)]) if self.is_chat else b""

    def piece(self, piece: Piece) -> bytes:
        """Return the event of a text or a call."""
        if isinstance(piece, str):
            return self._event([self._choice({"content": piece} if self.is_chat else piece, None)])
        self.calls += 1
        return self._event([self._choice({"tool_calls": [{"index": self.calls - 1, **_call(piece)}]}, None)])

    def end(self, finish: str) -> bytes:
        """Return the event that says why the answer ends."""
        return self._event([self._choice({} if self.is_chat else "", finish)])

    def usage(self, usage: Usage) -> bytes:
        """Return the event with the usage, for those who asked for it."""
        return self._event([], usage=usage.to_json())

    def whole(self, pieces: Sequence[Piece], finish: str, usage: Usage) -> bytes:
        """Return the answer in one piece."""
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        calls = [_call(piece) for piece in pieces if isinstance(piece, Call)]
        said: dict[str, Any] = {"text": text}
        if self.is_chat:
            said = {"message": {"role": "assistant", "content": text if text or not calls else None, "refusal": None}}
            if calls:
                said["message"]["tool_calls"] = calls
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish}
        return orjson.dumps(self._frame("", [choice]) | {"usage": usage.to_json()})

    def _choice(self, said: Any, finish: str | None) -> dict[str, Any]:
        return {"index": 0, "delta" if self.is_chat else "text": said, "logprobs": None, "finish_reason": finish}

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return event(self._frame(".chunk", choices) | more)

    def _frame(self, suffix: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = f"chat.completion{suffix}" if self.is_chat else "text_completion"
        return {"id": self.ident, "object": kind, "created": self.created, "model": self.model, "choices": choices}


def event(content: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    return b"data: " + orjson.dumps(content) + b"\n\n"


def broken(error: ApiError) -> bytes:
    """Return the event for what went wrong after the answer had begun."""
    return event(error.to_json())


def embeddings(vectors: Sequence[Sequence[float]], *, model: str, tokens: int, is_base64: bool) -> bytes:
    """Return the answer with vectors."""
    rows = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if is_base64 else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": rows, "model": model, "usage": usage})


def models(model: str, *, created: int, context: int, device: str, dtype: str) -> bytes:
    """Return the list of the one model, with what it runs on."""
    meta = {"n_ctx": context, "device": device, "dtype": dtype}
    row = {"id": model, "object": "model", "created": created, "owned_by": "transformers", "meta": meta}
    return orjson.dumps({"object": "list", "data": [row]})


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
