"""Which tokens are alike: forms of a word, and words for the same thing, in `concepts.txt`. Pure.

A small model that has read little cannot find out that `load`, ` load`, ` Loading` and ` carregar` have to do with each
other. So the vector of a token is learned as a sum: of what it shares with its kin, and of what is its own. `export.py`
writes the sums, so that nothing of this is left in the finished model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.starter.noise import without_accents

CONCEPTS = Path(__file__).parent / "concepts.txt"
_LETTERS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Kinship:
    """What the tokens of a vocabulary share.

    Attributes:
        traits: the numbers of each token's traits, one token after the other.
        begins: where in `traits` each token begins.
        count: how many traits there are.
    """

    traits: tuple[int, ...]
    begins: tuple[int, ...]
    count: int


def kinship(texts: Sequence[str]) -> Kinship:
    """Return what the tokens share that have these texts; what only one token has is no trait."""
    told = [tuple(dict.fromkeys(_traits(text))) for text in texts]
    common = Counter(trait for traits in told for trait in traits)
    numbers: dict[str, int] = {}
    traits: list[int] = []
    begins: list[int] = []
    for each in told:
        begins.append(len(traits))
        traits += [numbers.setdefault(trait, len(numbers)) for trait in each if common[trait] > 1]
    return Kinship(tuple(traits), tuple(begins), len(numbers))


def _traits(text: str) -> Iterator[str]:
    plain = without_accents(text.strip().lower())
    if not _LETTERS.fullmatch(plain):
        return
    yield f"word {plain}"
    yield "after a space" if text.startswith(" ") else "without a space"
    if text.strip()[:1].isupper():
        yield "capital"
    if len(plain) > 3:
        yield f"first {plain[:4]}"
        yield f"last {plain[-3:]}"
    if len(plain) > 4:
        yield f"first {plain[:5]}"
    if len(plain) > 5:
        yield from (f"part {plain[i : i + 5]}" for i in range(len(plain) - 4))
    yield from (f"concept {number}" for number in _concepts(plain))


def _concepts(word: str) -> Iterator[int]:
    for number, (words, stems) in enumerate(_LINES):
        if word in words or (len(word) > 3 and word.startswith(stems)):  # a shorter piece begins too many words
            yield number


def _read(file: Path) -> tuple[tuple[frozenset[str], tuple[str, ...]], ...]:
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    return tuple(
        (
            frozenset(word for word in line if not word.endswith("*")),
            tuple(word[:-1] for word in line if word.endswith("*")),
        )
        for line in lines
    )


_LINES = _read(CONCEPTS)
