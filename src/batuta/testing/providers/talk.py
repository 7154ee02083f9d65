"""What a fake model says: computed from what it was asked, the same in every dialect. Knows no JSON of any provider.

A text is answered with its words in reverse. `say TEXT` gives TEXT back as it is, `say system`, `say images` and
`say turns` tell what came with it. Declared tools are called (see `_calls`); their results are answered with a sentence
that quotes them. A wanted JSON schema is satisfied (see `sample`). A token is a word, or a piece of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from batuta.testing.answers import words_for
from batuta.testing.providers.sample import sample

_CALL = re.compile(r"^call ([\w.-]+) (\{.*\})$", re.DOTALL)
_JSON_PIECE = 7  # characters
MOST_CALLS = 2  # at once


class End(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    CALLS = "calls"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that was declared, with the schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an answer, without its dialect.

    Attributes:
        text: the last user message's words.
        system: the system prompt; parts joined by a line's end.
        turns: messages beside the system prompt.
        words: in everything that was sent, the system prompt included.
        images: that were sent.
        results: (function, result) of the tools that ran since the user spoke last.
        tools: that are declared; none when calling is forbidden.
        must_call: a call is demanded.
        only: the function that is demanded, if one is.
        is_parallel: several calls at once are welcome.
        schema: what a JSON answer must satisfy; None: no JSON is wanted.
        thinks: it shall think first.
        limit: tokens of the answer; None: any number.
        stops: texts that end the answer.
    """

    text: str
    system: str = ""
    turns: int = 1
    words: int = 0
    images: int = 0
    results: tuple[tuple[str, str], ...] = ()
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    only: str = ""
    is_parallel: bool = True
    schema: Mapping[str, Any] | None = None
    thinks: bool = False
    limit: int | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a declared function."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The arguments as JSON."""
        return json.dumps(self.arguments, ensure_ascii=False, separators=(",", ":"))

    @property
    def halves(self) -> tuple[str, str]:
        """The arguments as JSON, in two pieces as a stream brings them."""
        middle = len(self.text) // 2
        return self.text[:middle], self.text[middle:]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says.

    Attributes:
        thoughts: in pieces; none where it does not think.
        pieces: of the text.
        calls: of declared functions.
        end: why it ends.
        stop: the stop sequence that was met.
        tokens_in: counted words of the request.
        cached: of these, read from a cache: the system prompt of a conversation that goes on.
    """

    thoughts: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    end: End = End.STOP
    stop: str | None = None
    tokens_in: int = 1
    cached: int = 0

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def thinking(self) -> str:
        """The whole of the thoughts."""
        return "".join(self.thoughts)

    @property
    def tokens_thought(self) -> int:
        """Tokens of the thoughts."""
        return len(self.thoughts)

    @property
    def tokens_said(self) -> int:
        """Tokens of text and calls, thoughts left out."""
        return len(self.pieces) + sum(2 + len(call.arguments) for call in self.calls)


def answer_to(asked: Asked) -> Answer:
    """Return the answer to a request."""
    thoughts = _spaced(f"{len(asked.text.split())} words came in.".split()) if asked.thinks else ()
    tokens_in = max(1, asked.words)
    cached = len(asked.system.split()) if asked.turns > 1 else 0
    if calls := _calls(asked):
        return Answer(thoughts=thoughts, calls=calls, end=End.CALLS, tokens_in=tokens_in, cached=cached)
    pieces, end, stop = _ended(_pieces(asked), asked)
    return Answer(thoughts, pieces, (), end, stop, tokens_in, cached)


def _calls(asked: Asked) -> tuple[Call, ...]:
    """Return the calls an answer consists of.

    1. No tool, or their results are there and no call is demanded: none.
    2. `call NAME {json}` of a declared one: that call.
    3. A demanded function: that one.
    4. A text that begins with `say`, unless a call is demanded: none.
    5. `both` in the text: the first two. 6. Else the first.
    """
    text = asked.text.strip()
    # 1.
    if not asked.tools or (asked.results and not asked.must_call):
        return ()
    declared = {tool.name: tool for tool in asked.tools}
    # 2.
    if (spelled := _CALL.match(text)) and spelled[1] in declared:
        return (Call(spelled[1], json.loads(spelled[2])),)
    # 3.
    if asked.only:
        chosen = [declared[asked.only]] if asked.only in declared else []
    # 4.
    elif text.startswith("say ") and not asked.must_call:
        chosen = []
    else:
        # 5. 6.
        wants_both = asked.is_parallel and "both" in text.split()
        chosen = list(asked.tools[: MOST_CALLS if wants_both else 1])
    return tuple(Call(tool.name, _arguments(tool, text)) for tool in chosen)


def _arguments(tool: Tool, text: str) -> dict[str, Any]:
    made = sample({"type": "object", **tool.schema}, text)
    return made if isinstance(made, dict) else {}


def _pieces(asked: Asked) -> tuple[str, ...]:
    if asked.schema is not None:
        text = json.dumps(sample(asked.schema, asked.text), ensure_ascii=False, separators=(",", ":"))
        return tuple(text[at : at + _JSON_PIECE] for at in range(0, len(text), _JSON_PIECE))
    if asked.results:
        return _spaced(" and ".join(f"{name} gave {result}" for name, result in asked.results).split(" "))
    if asked.text.startswith("say "):
        told = {"say system": asked.system, "say images": str(asked.images), "say turns": str(asked.turns)}
        return _spaced(told.get(asked.text, asked.text.removeprefix("say ")).split(" "))
    return tuple(words_for(asked.text))


def _spaced(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word if not place else f" {word}" for place, word in enumerate(words))


def _ended(pieces: tuple[str, ...], asked: Asked) -> tuple[tuple[str, ...], End, str | None]:
    """Cut an answer at the first stop sequence and at the limit of tokens."""
    text = "".join(pieces)
    met = sorted((text.index(stop), stop) for stop in asked.stops if stop and stop in text)
    end, stop = (End.STOP_SEQUENCE, met[0][1]) if met else (End.STOP, None)
    kept: list[str] = []
    room = met[0][0] if met else len(text)
    for piece in pieces:
        if room <= 0:
            break
        kept.append(piece[:room])
        room -= len(piece)
    if asked.limit is not None and asked.limit < len(kept):
        return tuple(kept[: asked.limit]), End.LENGTH, None
    return tuple(kept), end, stop


def words_in(value: Any) -> int:
    """Return how many words the texts in a piece of JSON have; images and other data are no words."""
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value.split())
    if isinstance(value, Mapping):
        return sum(words_in(part) for name, part in value.items() if name in _TEXTUAL)
    if isinstance(value, list):
        return sum(words_in(part) for part in value)
    return 0


_TEXTUAL = frozenset(
    {"content", "text", "parts", "output", "arguments", "function", "tool_calls", "response", "result"}
)
