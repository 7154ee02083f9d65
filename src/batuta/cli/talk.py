"""One turn of a conversation with a model, through the gateway. Knows nothing of where the words are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from batuta.cli.escapes import EscapeStripper

CHAT_PATH = "/v1/chat/completions"


class Streams(Protocol):
    """What is needed of a client."""

    def stream(
        self, path: str, body: Mapping[str, Any], on_note: Callable[[dict[str, Any]], None] | None = None
    ) -> Iterator[Any]:
        """Yield the JSON data of each event; tell `on_note` the gateway's notes."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words, safe to show. `is_reasoning`: the model thinks aloud, this is not its answer."""

    text: str
    is_reasoning: bool = False


@dataclass(slots=True)
class Turn:
    """What was said in one turn; filled while `pieces` is iterated over.

    Attributes:
        model: who answered, as the answer says.
        finish: why it stopped; None when the stream ended without saying so.
        on_note: told what the gateway says while the answer is waited for.
    """

    client: Streams
    asked: str
    messages: Sequence[Mapping[str, str]]
    options: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    text: str = ""
    finish: str | None = None
    usage: Any = None
    on_note: Callable[[dict[str, Any]], None] | None = None

    def pieces(self) -> Iterator[Piece]:
        """Yield the answer as it comes. Raises what the client raises."""
        body = {"model": self.asked, "messages": list(self.messages), "stream": True, **self.options}
        words, thoughts = EscapeStripper(), EscapeStripper()
        for event in self.client.stream(CHAT_PATH, body, self.on_note):
            if not isinstance(event, dict):
                continue
            self.model = str(event.get("model") or self.model)
            self.usage = event.get("usage") or self.usage
            for choice in event.get("choices") or ():
                yield from self._take(choice, words, thoughts)

    def _take(self, choice: Any, words: EscapeStripper, thoughts: EscapeStripper) -> Iterator[Piece]:
        delta = choice.get("delta") or {}
        self.finish = choice.get("finish_reason") or self.finish
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str) and (shown := thoughts.feed(thought)):
            yield Piece(shown, is_reasoning=True)
        content = delta.get("content")
        if isinstance(content, str) and (shown := words.feed(content)):
            self.text += shown
            yield Piece(shown)

    @property
    def remark(self) -> str | None:
        """What the reader should know about the end of the answer; None when it is whole."""
        if self.finish is None:
            return "the answer broke off: the stream ended without saying why"
        return {
            "length": "the answer stopped at the length limit",
            "content_filter": "the provider cut the answer off",
        }.get(self.finish)
