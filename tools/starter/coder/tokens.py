"""The tokenizer of starter-coder, in which a value is the same tokens in the request and in the program.

What the model does most is copy. A usual tokenizer makes ` Ana` and `Ana` two tokens that have nothing to do with each
other, and cuts a word that does not exist in one way after a space and in another after a quotation mark. So here a
merge never joins a letter with anything else, but for the commonest words that are no values, which keep their space.
Digits stay one by one: a thousand numbers, each a token that is rarely read, were copied worse than ten digits.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.starter import slots
from tools.starter.dialogue import SPECIAL

_APART = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"  # letters never with what stands before
PIECES = 3300  # tokens of bytes, digits, words and marks
SPACED = 1400  # words that have a second token, with a space before
SPACE = "Ġ"  # as a byte-level vocabulary writes it
_VALUES = frozenset((*slots.PEOPLE, *slots.CITIES, *slots.WORDS, *slots.IDENTIFIERS))
_AFTER_SPACE = re.compile(r" ([^\W\d_]+)")


def train_tokenizer(texts: Sequence[str], pattern: str, *, pieces: int = PIECES, spaced: int = SPACED) -> Tokenizer:
    """Return a tokenizer of the texts.

    Args:
        texts: what is said in the training text.
        pattern: how text is cut before words are made, as the engines do it; digits one by one.
        pieces: tokens that have no space before.
        spaced: words that have a second token, for ` word`.
    """
    described = json.loads(_pieces(texts, pieces).to_str())["model"]
    vocabulary: dict[str, int] = described["vocab"]
    merges = [_pair(merge) for merge in described["merges"]]
    _add_spaced(vocabulary, merges, texts, spaced)
    while len(vocabulary) % 32:  # rows of whole blocks
        vocabulary[f"<|unused_{len(vocabulary)}|>"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = _split(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _pieces(texts: Sequence[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _split(_APART)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _split(pattern: str) -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _add_spaced(vocabulary: dict[str, int], merges: list[tuple[str, str]], texts: Sequence[str], most: int) -> None:
    counts = Counter(word for text in texts for word in _AFTER_SPACE.findall(text))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    added = 0
    for word, _ in counts.most_common():
        piece = level.pre_tokenize_str(word)[0][0]
        if piece not in vocabulary or word in _VALUES or SPACE + piece in vocabulary:
            continue
        vocabulary[SPACE + piece] = len(vocabulary)
        merges.append((SPACE, piece))
        added += 1
        if added == most:
            return
