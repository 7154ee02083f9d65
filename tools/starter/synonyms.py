"""Words that may stand for each other in what people ask, from `synonyms.toml`: one group a line.

A phrasing says a thing in one way; a person may use any of the words for it. Slots are left alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

FILE = Path(__file__).parent / "synonyms.toml"
_SLOT_OR_CODE = re.compile(r"\{\w+\}|`[^`]*`")


@dataclass(frozen=True, slots=True)
class Words:
    """The groups of one language.

    Attributes:
        others: a word or phrase, in small letters -> those that may stand for it.
        pattern: finds any of them, the longest first.
    """

    others: Mapping[str, tuple[str, ...]]
    pattern: re.Pattern[str]


@cache
def words(language: str) -> Words:
    """Return the groups of a language. Raises ValueError for a word in two groups."""
    lines = tomllib.loads(FILE.read_text(encoding="utf-8"))[language]["groups"].splitlines()
    others: dict[str, tuple[str, ...]] = {}
    for line in filter(None, map(str.strip, lines)):
        group = tuple(dict.fromkeys(entry.strip() for entry in line.split(";") if entry.strip()))
        for entry in group:
            if entry.lower() in others:
                raise ValueError(f"{FILE.name}: {entry!r} is in two groups of {language}")
            others[entry.lower()] = tuple(other for other in group if other != entry)
    known = sorted((entry for entry, rest in others.items() if rest), key=len, reverse=True)
    pattern = re.compile(r"(?<![\w{-])(?:" + "|".join(map(re.escape, known)) + r")(?![\w}-])", re.IGNORECASE)
    return Words(others, pattern)


def exchanged(text: str, language: str, rng: Random, share: float) -> str:
    """Return the text with some of its words said by others.

    Args:
        text: an expanded template; its slots, and what stands in backticks, stay as they are.
        language: en or pt.
        rng: where chance comes from.
        share: how often a word that has synonyms is exchanged, 0..1.
    """
    known = words(language)
    kept = [match.span() for match in _SLOT_OR_CODE.finditer(text)]

    def other(match: re.Match[str]) -> str:
        word = match.group()
        if rng.random() >= share or any(begin < match.end() and match.start() < end for begin, end in kept):
            return word
        new = rng.choice(known.others[word.lower()])
        return new[:1].upper() + new[1:] if word[:1].isupper() and match.start() == 0 else new

    return known.pattern.sub(other, text)
