"""From a checked request to a prompt, and from tokens to the pieces of an answer. Pure but for the tokenizer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jinja2

from batuta.loader.engines.hf.errors import Invalid, TooLong
from batuta.loader.engines.hf.request import ChatWanted, Choice, Prompt
from batuta.loader.engines.hf.teaching import teach, with_short_ids
from batuta.loader.engines.hf.text import Detokenizer, StopReader
from batuta.loader.engines.hf.toolcalls import JSON, UNTAUGHT, Call, Form, Piece, ToolReader
from batuta.loader.engines.hf.turns import End, Heard

GONE: Final = "gone"  # the caller has left
TEMPLATE_ERRORS: Final = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template can raise: it is a program, and computes with what it is given."""


class Speaker(Protocol):
    """What must be known of a model to talk with it; `load.Loaded` has this form."""

    @property
    def tokenizer(self) -> Any: ...
    @property
    def silent(self) -> frozenset[int]: ...
    @property
    def form(self) -> Form: ...
    @property
    def has_template(self) -> bool: ...
    @property
    def context(self) -> int: ...
    @property
    def vocabulary(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A prompt in tokens; `text`: what the answer was made to begin with."""

    tokens: list[int]
    text: str = ""


def chat_prompt(model: Speaker, wanted: ChatWanted) -> Begun:
    """Write the conversation with the model's template. Raises Invalid or TooLong."""
    if not model.has_template:
        raise Invalid(
            "this model has no chat template, so it cannot be told who said what: use /v1/completions, or a model made "
            "for chat"
        )
    messages, tools = wanted.messages, wanted.tools
    if model.form is UNTAUGHT:
        messages, tools = teach(messages, tools), []
    try:
        text = model.tokenizer.apply_chat_template(
            with_short_ids(messages, model.form.id_length),
            tools=tools or None,
            add_generation_prompt=True,
            tokenize=False,
            **wanted.template_values,
        )
    except TEMPLATE_ERRORS as error:
        said = str(error) or type(error).__name__
        raise Invalid(f"the model's chat template refuses these messages: {said:.500}") from None
    begun = model.form.prefix(wanted.choice.name) if wanted.choice.is_forced else ""
    ids = model.tokenizer(str(text) + begun, add_special_tokens=False)["input_ids"]
    return Begun(_fitting(ids, model), begun)


def plain_prompt(model: Speaker, prompt: Prompt) -> Begun:
    """Return a prompt of text or tokens as it is, with the model's own beginning. Raises Invalid or TooLong."""
    tokens: list[int] = model.tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else prompt
    return Begun(_fitting(tokens, model))


def _fitting(tokens: list[int], model: Speaker) -> list[int]:
    """Return the tokens when the model can read them: one that it does not have ends a GPU's program for all."""
    if not tokens or not all(0 <= token < model.vocabulary for token in tokens):
        raise Invalid(f"the prompt is empty, or holds a token that is none of this model's {model.vocabulary}")
    if len(tokens) >= model.context:
        raise TooLong(len(tokens), model.context)
    return tokens


class Reading:
    """Reads one answer, token by token.

    Args:
        model: who says it.
        stops: texts that end it.
        functions: names that were declared; calls are looked for only if there are any.
        choice: whether it must be a call.
        one_call: it ends with the first call.
        begun: what it was made to begin with.
        after: tokens of the text that it continues.
    """

    def __init__(
        self,
        model: Speaker,
        stops: tuple[str, ...],
        *,
        functions: tuple[str, ...] = (),
        choice: Choice = Choice(),  # noqa: B008  # frozen
        one_call: bool = False,
        begun: str = "",
        after: Sequence[int] = (),
    ) -> None:
        self._words = Detokenizer(model.tokenizer, model.silent, after=after)
        self._stops = StopReader(stops)
        form = model.form if functions else JSON
        self._tools = ToolReader(form, functions, begun=begun, is_forced=choice.is_forced) if functions else None
        self._one_call = one_call
        self._has_called = False
        self.tokens = 0
        self.is_over = False  # a stop string or the only call: the model need not go on

    def token(self, token: int) -> list[Piece]:
        """Take a token; return what is certain with it."""
        self.tokens += 1
        return self._read(self._words.add(token))

    def finish(self, end: End | None = None) -> list[Piece]:
        """Return what was held back; `end` is None where we ended it."""
        self.tokens += end is not None and end.reason == "stop"  # the end is a token too, and every engine counts it
        pieces = self._read(self._words.finish())
        rest = self._stops.finish()
        if self._tools is None:
            return [*pieces, rest] if rest else pieces
        return self._checked([*pieces, *self._tools.feed(rest), *self._tools.finish()])

    def reason(self, end: End | None) -> str:
        """Return the finish reason; `end` is None where we ended it."""
        reason = "stop" if end is None else end.reason
        return "tool_calls" if self._has_called and reason == "stop" else reason

    def _read(self, text: str) -> list[Piece]:
        text = self._stops.feed(text)
        self.is_over = self.is_over or self._stops.is_stopped
        if not text:
            return []
        return [text] if self._tools is None else self._checked(self._tools.feed(text))

    def _checked(self, pieces: list[Piece]) -> list[Piece]:
        kept: list[Piece] = []
        for piece in pieces:
            if self._one_call and self._has_called:
                break
            kept.append(piece)
            self._has_called = self._has_called or isinstance(piece, Call)
        self.is_over = self.is_over or (self._one_call and self._has_called)
        return kept


class Inbox:
    """What the model's thread tells, for the event loop to read."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Heard | str] = asyncio.Queue()

    def tell(self, what: Heard) -> None:
        """Put something in, from any thread."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, what)

    def hang_up(self) -> None:
        """Say that the caller has left, from the loop."""
        self._queue.put_nowait(GONE)

    async def read(self) -> Heard | str:
        """Return what comes next."""
        return await self._queue.get()
