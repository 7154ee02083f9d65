"""What the teachers' files are made of: a Kind of program for starter-coder, a Topic for starter-brain. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from tools.starter import grammar
from tools.starter.slots import Slot, Value

LANGUAGES = ("en", "pt")
_MARK = re.compile(r"<<(\w+)>>")

Phrasings = Mapping[str, tuple[str, ...]]
"""Language (`en`, `pt`) -> templates of `grammar`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request for a short Python program.

    Attributes:
        id: short, unique, snake_case.
        ask: how people ask for it; every slot of `slots` occurs in every template.
        code: the program, with `<<slot>>` where a value's Python source goes. It prints its result, needs the
            standard library only, reads and writes nothing outside its working folder, and ends within a second.
        slots: what varies.
        files: name -> content of files that lie in the working folder when the program runs.
    """

    id: str
    ask: Phrasings
    code: str
    slots: Mapping[str, Slot] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def sample(self, rng: Random, *, held_out: bool) -> dict[str, Value]:
        """Return a value for each slot, of the training's or of the measurement's part."""
        return {name: slot(rng, held_out) for name, slot in self.slots.items()}

    def program(self, values: Mapping[str, Value]) -> str:
        """Return the program with its values, with one line break at its end."""
        return _MARK.sub(lambda match: values[match.group(1)].code, self.code.strip("\n")) + "\n"

    def request(self, template: str, values: Mapping[str, Value], language: str, rng: Random) -> str:
        """Return one wording of the template with the values said in that language."""
        said = {name: value.said(language) for name, value in values.items()}
        return grammar.fill(grammar.expand(template, rng), said)


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that starter-brain can talk about.

    Attributes:
        id: short, unique, snake_case.
        ask: how people ask.
        say: the answers, one or two a language; complete sentences, at most some 60 words.
        facts: regular expressions, all of which an answer on topic matches (case is ignored).
        group: help | small_talk | identity | unknown.
    """

    id: str
    ask: Phrasings
    say: Phrasings
    facts: Mapping[str, tuple[str, ...]]
    group: str = "help"

    def is_answered_by(self, answer: str, language: str) -> bool:
        """Say whether an answer has everything that an answer on this topic must have."""
        return all(re.search(fact, answer, re.IGNORECASE) for fact in self.facts[language])
