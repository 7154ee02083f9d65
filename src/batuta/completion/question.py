"""What is asked and what comes back. Facts only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from batuta.chat.types import ChatRequest, FinishReason, Message, Sampling, Usage
from batuta.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        provider: id of who serves the model.
        model: its name there.
        prompt: the words.
        system: what the model is told about itself first; None: nothing.
        temperature: None: the model's own.
        max_tokens: of the answer; None: the model's own.
        timeout_s: seconds for all of it.
    """

    provider: str
    model: str
    prompt: str
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        for name in ("provider", "model", "prompt"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise BadRequest(f"`{name}` must be a text that is not empty")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise BadRequest(f"`max_tokens` is {self.max_tokens}; it must be 1 or more")
        if not self.timeout_s > 0:
            raise BadRequest(f"`timeout_s` is {self.timeout_s}; it must be more than 0")

    def request(self) -> ChatRequest:
        """Return it as a conversation."""
        said = [Message("system", self.system)] if self.system is not None else []
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        # As a stream: a whole answer has to be there before anything is heard, and long ones run into limits of time.
        return ChatRequest(self.model, (*said, Message("user", self.prompt)), sampling=sampling, stream=True)

    def body(self, model: str) -> dict[str, Any]:
        """Return it as OpenAI's dialect has it, to a model of that name."""
        said = [{"role": "system", "content": self.system}] if self.system is not None else []
        options = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return {
            "model": model,
            "messages": [*said, {"role": "user", "content": self.prompt}],
            **{name: value for name, value in options.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `str()` of it is its text.

    Attributes:
        text: the words.
        model: who answered, as it calls itself; else as it was asked for.
        usage: tokens; None where the provider told none.
        finish: why it ended; `length` means that it was cut.
        reasoning: what the model thought aloud, where its provider tells it.
        cost: US dollars; None where it is not known. A model of this machine costs 0.
    """

    text: str
    model: str
    usage: Usage | None = None
    finish: FinishReason | None = None
    reasoning: str = field(default="", repr=False)
    cost: float | None = None

    def __str__(self) -> str:
        return self.text
