"""The form of a conversation in the training text: ChatML, as the chat template of the exports writes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

START, END, BREAK = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = (BREAK, START, END)
"""Their ids are 0, 1, 2. A conversation ends with BREAK; an answer ends with END, on which engines stop."""

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Jinja, for both exported forms."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message.

    Attributes:
        role: system, user or assistant.
        content: its text.
        topic: what is asked, where other words for it, or fewer, have the same answer; else nothing.
    """

    role: str
    content: str
    topic: str = ""


Conversation = tuple[Turn, ...]
Exchange = tuple[Turn, Turn]
"""A question and its answer."""


def drawn(mix: Sequence[tuple[float, str]], rng: Random) -> str:
    """Return one of the names, each as often as its share says."""
    return rng.choices([name for _, name in mix], weights=[share for share, _ in mix])[0]


def opening(turn: Turn) -> str:
    """Return what stands before the content of a message."""
    return f"{START}{turn.role}\n"


def prompt(turns: Sequence[Turn]) -> str:
    """Return the text after which the assistant answers."""
    return "".join(f"{opening(turn)}{turn.content}{END}\n" for turn in turns) + f"{START}assistant\n"
