"""What makes starter-coder copy: values that are the same tokens everywhere, practice, and requests told anew."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from tokenizers import Tokenizer

from tools.starter import grammar
from tools.starter.batches import ROWS
from tools.starter.coder.practice import Practice
from tools.starter.coder.tokens import train_tokenizer
from tools.starter.coder.wording import worn
from tools.starter.kinds import LANGUAGES
from tools.starter.train import SPLIT

TEXTS = [
    "reverse the word Ana in python, please",
    "inverta a palavra limao em python, por favor",
    '```python\ntext = "Ana"\nprint(text[::-1])\n```',
    "sort the numbers 4, 981 and 27 in python",
] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, SPLIT, pieces=360, spaced=20)


@pytest.mark.parametrize("value", ["Ana", "bacelo", "dutigo", "383", "99999", "35.07", "2024-03-15"])
def test_a_value_is_the_same_tokens_wherever_it_stands(tokenizer: Tokenizer, value: str) -> None:
    """In a sentence after a space, in quotes, and in brackets."""
    alone = tokenizer.encode(value).tokens
    for before, after in (("reverse ", " please"), ('text = "', '"\n'), ("print(", ")")):
        tokens = tokenizer.encode(before + value + after).tokens
        assert any(tokens[at : at + len(alone)] == alone for at in range(len(tokens)))


def test_digits_are_tokens_one_by_one(tokenizer: Tokenizer) -> None:
    """Ten things to copy, however long the number."""
    assert tokenizer.encode("12345").tokens == list("12345")


@pytest.mark.parametrize("text", [*TEXTS[:4], "é só 1 + 2 = 3;\n\n\tação!  ", "<|odd|> 日本"])
def test_text_comes_back_as_it_was(tokenizer: Tokenizer, text: str) -> None:
    """Whatever is in it."""
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_common_words_keep_their_space(tokenizer: Tokenizer) -> None:
    """Or requests would be a third longer; a value never does."""
    assert tokenizer.encode("reverse the word").tokens == ["reverse", "Ġthe", "Ġword"]
    assert tokenizer.encode("word Ana").tokens[-2:] == ["Ġ", "Ana"]


def test_practice_is_to_say_again_what_was_said(tokenizer: Tokenizer) -> None:
    """The same at each try; what is learned is what was read before, and the end."""
    batch, again = (Practice(tokenizer, seed=3).at(5) for _ in range(2))
    assert np.array_equal(batch.tokens, again.tokens)
    assert batch.tokens.shape[1] == ROWS[0] + 1
    first = batch.tokens[0][: int(np.flatnonzero(batch.tokens[0] == 0)[1])]
    learned = first[1:][batch.weights[0][: first.size - 1] > 0]
    wanted = tokenizer.encode("<|im_end|>").ids[0]
    assert learned[-1] == wanted
    told = " ".join(map(str, first))
    assert told.count(" ".join(map(str, learned[:-1]))) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worn_request_keeps_its_slots(language: str) -> None:
    """Words come and go around them, in many ways."""
    rng = Random(1)
    text = "please sort {xs} and print the {k} largest"
    worn_ones = {worn(text, language, rng) for _ in range(200)}
    assert all(grammar.slots(each) == {"xs", "k"} for each in worn_ones)
    assert len(worn_ones) > 60
