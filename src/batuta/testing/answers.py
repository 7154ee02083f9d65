"""What the fakes say: computed from what they are asked, so that a test can tell whose answer it holds.

A chat is answered with the last user message's words in reverse. `call NAME {json}` is answered with a call of that
function where it is declared as a tool. A vector is made of a text's characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from batuta.chat.types import ChatRequest, Delta, FinishReason, ToolCall, Usage

_CALL = re.compile(r"^call ([\w-]+) (\{.*\})$", re.DOTALL)
VECTOR = 8  # numbers a vector


def words_for(text: str) -> list[str]:
    """Return the answer to a text: its words in reverse, each but the first with its space."""
    words = text.split()[::-1] or ["silence"]
    return [words[0], *(f" {word}" for word in words[1:])]


def last_text(request: ChatRequest) -> str:
    """Return the text of the last user message; empty when there is none."""
    for message in reversed(request.messages):
        if message.role == "user":
            content = message.content
            if isinstance(content, tuple):
                return " ".join(str(part.get("text", "")) for part in content)
            return content or ""
    return ""


def deltas_for(request: ChatRequest, *, model: str | None = None) -> list[Delta]:
    """Return the whole answer: a delta a word (or a call in three pieces), the finish, the usage."""
    text = last_text(request)
    prompt = sum(len(m.content.split()) for m in request.messages if isinstance(m.content, str))
    called = _CALL.match(text.strip())
    declared = {tool["function"]["name"] for tool in request.tools if isinstance(tool.get("function"), Mapping)}
    if called and called[1] in declared:
        deltas = _call(called[1], called[2], model)
        finish, count = FinishReason.TOOL_CALLS, len(deltas)
    else:
        words = words_for(text)
        limit = request.sampling.max_tokens
        limit = len(words) if limit is None or limit < 0 else limit
        finish = FinishReason.STOP if limit >= len(words) else FinishReason.LENGTH
        deltas = [Delta(text=word, model=model) for word in words[:limit]]
        count = len(deltas)
    return [
        *deltas,
        Delta(finish=finish, model=model),
        Delta(usage=Usage(prompt_tokens=max(prompt, 1), completion_tokens=count), model=model),
    ]


def _call(name: str, arguments: str, model: str | None) -> list[Delta]:
    half = len(arguments) // 2
    pieces = (
        ToolCall(0, f"call_{name}", name, ""),
        ToolCall(0, None, None, arguments[:half]),
        ToolCall(0, None, None, arguments[half:]),
    )
    return [Delta(tool_calls=(piece,), model=model) for piece in pieces]


def vector_for(text: str) -> tuple[float, ...]:
    """Return a vector of length 1 that depends on every character of the text and on its place."""
    sums = [0.0] * VECTOR
    for place, char in enumerate(text or " "):
        sums[place % VECTOR] += ord(char) * (1 + place // VECTOR)
    length = math.sqrt(sum(number * number for number in sums))
    return tuple(number / length for number in sums)


def embeddings_usage(inputs: Sequence[str]) -> Usage:
    """Return the token counts of an embeddings request: a token a word."""
    return Usage(prompt_tokens=sum(len(text.split()) for text in inputs))
