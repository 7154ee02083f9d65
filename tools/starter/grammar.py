r"""A tiny grammar for phrasings: `(how do I|how can I) load (a|the) model`. Pure.

`(a|b|)` is a choice, which may be empty and may hold further choices; `\(`, `\|` and `\)` are the characters
themselves; `{name}` is a slot that the caller fills afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random

SLOT = re.compile(r"\{(\w+)\}")
_SPACES = re.compile(r" {2,}")
_BEFORE_MARK = re.compile(r" +([,.;:?!])")

Node = str | tuple["Sequence_", ...]
Sequence_ = tuple[Node, ...]


class BadTemplate(ValueError):
    """A template whose brackets do not match."""


def expand(template: str, rng: Random) -> str:
    """Return one text of the template, chosen evenly at each choice. Raises BadTemplate."""
    return _tidy(_choose(_parse(template), rng))


def count(template: str) -> int:
    """Return how many texts the template has, alike ones counted twice. Raises BadTemplate."""
    return _count(_parse(template))


def every(template: str) -> list[str]:
    """Return all texts of a template; for tests of small ones. Raises BadTemplate."""
    return [_tidy(text) for text in _every(_parse(template))]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its slots filled. Raises KeyError for a slot nobody has a value for."""
    return SLOT.sub(lambda match: values[match.group(1)], text)


def slots(template: str) -> set[str]:
    """Return the names of the template's slots."""
    return set(SLOT.findall(template))


def _tidy(text: str) -> str:
    return _BEFORE_MARK.sub(r"\1", _SPACES.sub(" ", text)).strip()


@lru_cache(maxsize=20_000)
def _parse(template: str) -> Sequence_:
    sequence, end = _sequence(template, 0, depth=0)
    if end != len(template):
        raise BadTemplate(f"{template!r} closes a bracket at {end} that it did not open")
    return sequence


def _sequence(template: str, at: int, *, depth: int) -> tuple[Sequence_, int]:
    nodes: list[Node] = []
    plain = ""
    while at < len(template):
        char = template[at]
        if char == "\\" and at + 1 < len(template):
            plain, at = plain + template[at + 1], at + 2
        elif char == "(":
            branches, at = _branches(template, at + 1, depth=depth + 1)
            nodes += [plain, branches]
            plain = ""
        elif char in "|)" and depth:
            break
        elif char == ")":
            return (*nodes, plain), at
        else:
            plain, at = plain + char, at + 1
    return (*nodes, plain), at


def _branches(template: str, at: int, *, depth: int) -> tuple[tuple[Sequence_, ...], int]:
    branches: list[Sequence_] = []
    while True:
        branch, at = _sequence(template, at, depth=depth)
        branches.append(branch)
        if at >= len(template):
            raise BadTemplate(f"{template!r} opens a bracket that it does not close")
        at += 1
        if template[at - 1] == ")":
            return tuple(branches), at


def _choose(sequence: Sequence_, rng: Random) -> str:
    return "".join(node if isinstance(node, str) else _choose(rng.choice(node), rng) for node in sequence)


def _count(sequence: Sequence_) -> int:
    total = 1
    for node in sequence:
        total *= 1 if isinstance(node, str) else sum(_count(branch) for branch in node)
    return total


def _every(sequence: Sequence_) -> list[str]:
    texts = [""]
    for node in sequence:
        ends = [node] if isinstance(node, str) else [text for branch in node for text in _every(branch)]
        texts = [text + end for text in texts for end in ends]
    return texts
