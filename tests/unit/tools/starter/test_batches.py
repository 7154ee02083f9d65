"""What a training step is shown: the same at each try, questions told anew, most answers only begun."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tools.starter.batches import MANNERS, ROWS, SAID, WORD, Batches, Shelf, shelve
from tools.starter.kinship import kinship
from tools.starter.train import train_tokenizer

ANSWER = "It is taken out of memory when nobody has asked it anything for some time, and comes back when it is needed."
TALKS = [
    [["user", f"where does the model {name} go after a while", "ttl"], ["assistant", ANSWER]]
    for name in ("qwen", "llama", "gemma", "phi")
]
COPIED = [["user", "say again: one two three four"], ["assistant", "one two three four"]]
CALM = replace(MANNERS["brain"], cut=0.0, changed=0.0)


@pytest.fixture(scope="module")
def shelf_and_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, Tokenizer]:
    text: Path = tmp_path_factory.mktemp("text") / "text.jsonl"
    text.write_text("\n".join(json.dumps(turns) for turns in [*TALKS, COPIED] * 20), encoding="utf-8")
    tokenizer = train_tokenizer(text, 400)
    return shelve(text, tokenizer), tokenizer


def test_a_step_shows_the_same_each_time(shelf_and_tokenizer: tuple[Shelf, Tokenizer]) -> None:
    """A run that was stopped goes on as it would have."""
    first, second = (Batches(shelf_and_tokenizer[0], MANNERS["brain"], seed=1).at(7) for _ in range(2))
    assert np.array_equal(first.tokens, second.tokens)
    assert np.array_equal(first.weights, second.weights)
    assert first.tokens.shape[1] == ROWS[0] + 1


def test_untouched_conversations_lie_in_rows_whole(shelf_and_tokenizer: tuple[Shelf, Tokenizer]) -> None:
    """With nothing cut or changed, every row reads as the text did."""
    shelf, tokenizer = shelf_and_tokenizer
    batch = Batches(shelf, CALM, seed=1).at(0)
    known = {turns[0][1] for turns in [*TALKS, COPIED]}
    for row in batch.tokens:
        told = tokenizer.decode([int(token) for token in row if token], skip_special_tokens=False)
        for part in told.split("<|im_start|>user\n")[1:]:
            assert part.split("<|im_end|>")[0] in known


def test_most_answers_are_cut_and_copies_never(shelf_and_tokenizer: tuple[Shelf, Tokenizer]) -> None:
    """The end of an answer that is always the same is rare; what is said again is there to its end."""
    shelf, tokenizer = shelf_and_tokenizer
    batch = Batches(shelf, replace(MANNERS["brain"], cut=1.0), seed=1).at(0)
    told = tokenizer.decode([int(token) for token in batch.tokens.flatten() if token], skip_special_tokens=False)
    assert "comes back when" not in told
    assert "assistant\none two three four<|im_end|>" in told


def test_words_are_lost_and_numbers_are_not(shelf_and_tokenizer: tuple[Shelf, Tokenizer]) -> None:
    """Questions on a topic lose words; those that are copied keep all of theirs."""
    shelf, _ = shelf_and_tokenizer
    tokens, begins, topics = Batches(shelf, replace(CALM, changed=1.0, lost=0.9), seed=1).questions(0, 50)
    whole = Batches(shelf, CALM, seed=1).questions(0, 50)[0]
    assert len(begins) == len(topics) == 50
    assert len(tokens) < len(whole)
    assert set(topics.tolist()) == {0}
    assert set(np.unique(shelf.kinds).tolist()) >= {WORD, SAID}


def test_forms_of_a_word_are_kin() -> None:
    """With or without a space, a capital or an accent, and words for the same in two languages."""
    found = kinship([" load", "Load", " carregar", " memória", "memoria", "17"])
    traits = [set(found.traits[a:b]) for a, b in zip(found.begins, [*found.begins[1:], len(found.traits)], strict=True)]
    assert traits[0] & traits[1]
    assert traits[0] & traits[2]
    assert len(traits[3] & traits[4]) > len(traits[0] & traits[3])
    assert not traits[5]
