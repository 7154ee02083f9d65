"""What a training step is shown: conversations drawn at random, their questions told anew each time, laid into rows.

A question with fewer or other words has the same answer, mostly. So words of a question are left out or exchanged,
fresh at each draw, and most answers are cut off after their first tokens, where what was asked is decided: the rest of
an answer is the same each time, and would take the room of other questions. Knows nothing of the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from tokenizers import Tokenizer

from tools.starter.dialogue import END, START

HEAD, WORD, REST, SAID, ANSWER, WHOLE = range(6)
"""What a token is: of the template; the first, or a further one, of a word that may be left out; of what was said and
stays; of an answer that may be cut; of one that may not."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the text of one model is told.

    Attributes:
        cut: how often the last answer of a conversation is cut off, 0..1.
        cut_at: after how many tokens, at least and at most.
        changed: how often a question loses words, 0..1.
        lost: the most of its words that it loses then, 0..1.
        strange: how often a word is another one instead of none.
        shuffled: how often the words of a changed question stand in any order; most have a topic without one.
        asked: how much a token of a question counts; what people say is learned too, a little.
        heavy, plain, light: how much the first tokens of an answer, the others, and those of long answers count.
    """

    cut: float
    cut_at: tuple[int, int]
    changed: float
    lost: float
    strange: float
    shuffled: float
    asked: float
    heavy: float = 6.0
    plain: float = 2.0
    light: float = 1.0


MANNERS: Mapping[str, Manner] = MappingProxyType(
    {
        "brain": Manner(cut=0.78, cut_at=(4, 12), changed=0.6, lost=0.45, strange=0.25, shuffled=0.4, asked=0.5),
        # A program differs to its end, and each word of a request may count.
        "coder": Manner(cut=0.3, cut_at=(10, 22), changed=0.2, lost=0.2, strange=0.0, shuffled=0.0, asked=0.5),
    }
)
ROWS = (128, 512)
"""Tokens of a row: most questions lie in the short ones, with which a processor is quicker."""
BATCH = 4096
"""Tokens of a step."""
DECIDES, LONG = 8, 120  # tokens
ASKED = 0.15  # of a question's tokens are learned at each draw: to predict one costs as much as to read it


@dataclass(frozen=True, slots=True)
class Shelf:
    """A text as numbers.

    Attributes:
        tokens: [all] uint16, one conversation after the other.
        kinds: [all] uint8, what each is.
        topics: [all] int16, the number of the topic where an answer begins, else -1.
        begins: [conversations + 1] int64, where each begins.
        names: of the topics.
    """

    tokens: np.ndarray
    kinds: np.ndarray
    topics: np.ndarray
    begins: np.ndarray
    names: tuple[str, ...]

    def save(self, file: Path) -> None:
        """Keep it for later processes."""
        np.savez(
            file,
            tokens=self.tokens,
            kinds=self.kinds,
            topics=self.topics,
            begins=self.begins,
            names=np.array(self.names),
        )

    @staticmethod
    def load(file: Path) -> Shelf:
        """Return what `save` kept."""
        with np.load(file) as kept:
            return Shelf(
                kept["tokens"], kept["kinds"], kept["topics"], kept["begins"], tuple(str(n) for n in kept["names"])
            )


def shelve(text: Path, tokenizer: Tokenizer) -> Shelf:
    """Return the text of `corpus.py` as numbers."""
    pieces = [tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size())]
    is_word, is_fixed = np.array(list(map(_begins_word, pieces))), np.array(list(map(_stays, pieces)))
    names: dict[str, int] = {}
    tokens: list[np.ndarray] = []
    kinds: list[np.ndarray] = []
    topics: list[np.ndarray] = []
    begins = [0]
    for some in _chunks(text):
        encoded = tokenizer.encode_batch([piece for turns in some for piece in _pieces(turns)])
        at = 0
        for turns in some:
            ids, what, about = [0], [HEAD], [-1]
            topic = -1
            for turn in turns:
                head, body = encoded[at].ids, encoded[at + 1].ids
                at += 2
                ids += head + body
                about += [-1] * (len(head) + len(body))
                what += [HEAD] * len(head)
                if turn[0] == "assistant":
                    about[-len(body) - 1] = topic
                    what += [ANSWER if topic >= 0 else WHOLE] * (len(body) - 1) + [HEAD]
                    continue
                topic = names.setdefault(turn[2], len(names)) if len(turn) > 2 else -1
                is_fast = is_fixed if topic >= 0 else np.ones_like(is_fixed)
                what += [*_of_question(np.array(body[:-2], dtype=np.int64), is_word, is_fast), HEAD, HEAD]
            tokens.append(np.array(ids, dtype=np.uint16))
            kinds.append(np.array(what, dtype=np.uint8))
            topics.append(np.array(about, dtype=np.int16))
            begins.append(begins[-1] + len(ids))
    # By their names, so that another text about the same topics numbers them alike.
    numbers = np.array([sorted(names).index(name) for name in names] + [-1], dtype=np.int16)
    about_all = numbers[np.concatenate(topics)]
    return Shelf(np.concatenate(tokens), np.concatenate(kinds), about_all, np.array(begins), tuple(sorted(names)))


def _begins_word(token: str) -> bool:
    return token.startswith("Ġ") or not token.isalpha()


def _stays(token: str) -> bool:
    return any(char.isdigit() or char in "\"'`{}" for char in token)


def _of_question(body: np.ndarray, is_word: np.ndarray, is_fixed: np.ndarray) -> list[int]:
    kinds = np.where(is_word[body], WORD, REST)
    if len(kinds):
        kinds[0] = WORD
    return list(np.where(is_fixed[body], SAID, kinds))


def _pieces(turns: list[list[str]]) -> Iterator[str]:
    for turn in turns:
        yield f"{START}{turn[0]}\n"
        yield f"{turn[1]}{END}\n"


def _chunks(text: Path, size: int = 2000) -> Iterator[list[list[list[str]]]]:
    some: list[list[list[str]]] = []
    with text.open(encoding="utf-8") as file:
        for line in file:
            some.append(json.loads(line))
            if len(some) == size:
                yield some
                some = []
    if some:
        yield some


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from: tokens [rows, row + 1], weights and topics [rows, row] (topic -1: none)."""

    tokens: np.ndarray
    weights: np.ndarray
    topics: np.ndarray


class Batches:
    """Makes the batch of any step, the same one each time: a run can be taken up anywhere."""

    def __init__(self, shelf: Shelf, manner: Manner, *, seed: int) -> None:
        self.shelf, self.manner, self.seed = shelf, manner, seed
        self._lengths = np.diff(shelf.begins)
        self._words = np.unique(shelf.tokens[shelf.kinds == WORD])
        self._long = np.flatnonzero(self._lengths - 1 > ROWS[0])
        rng = np.random.default_rng((seed, 0))
        some = [self._told(int(i), rng)[0].size for i in rng.integers(0, len(self._lengths), 2000)]
        longer = sum(size for size in some if size - 1 > ROWS[0])
        self.long_share = longer / sum(some)

    def at(self, step: int) -> Batch:
        """Return the batch of a step."""
        rng = np.random.default_rng((self.seed, 1 + step))
        is_long = int(step * self.long_share) < int((step + 1) * self.long_share)
        row = ROWS[is_long]
        rows = BATCH // row
        tokens = np.zeros((rows, row + 1), dtype=np.int64)
        weights = np.zeros((rows, row + 1), dtype=np.float32)
        topics = np.full((rows, row + 1), -1, dtype=np.int64)
        used = np.zeros(rows, dtype=np.int64)
        misses = 0
        while misses < 8:
            number = int(rng.choice(self._long) if is_long else rng.integers(0, len(self._lengths)))
            told = self._told(number, rng)
            size = told[0].size
            if size - 1 > row or (size - 1 > ROWS[0]) != is_long:
                continue
            room = np.flatnonzero(used + size <= row + 1)
            if not room.size:
                misses += 1
                continue
            begin = used[room[0]]
            span = (room[0], slice(begin, begin + size))
            tokens[span], weights[span], topics[span] = told
            used[room[0]] += size
        return Batch(tokens, weights[:, 1:], topics[:, :-1])

    def questions(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the tokens of some questions, where each of them begins, and their topics, without the conversations.

        Answers differ by topic and are of no use here. step: another one gives other questions.
        """
        rng = np.random.default_rng((self.seed, 0, step))
        words: list[np.ndarray] = []
        about: list[int] = []
        for number in rng.integers(0, len(self._lengths), 2 * count):
            span = slice(self.shelf.begins[number], self.shelf.begins[number + 1])
            tokens, kinds, topics = self.shelf.tokens[span], self.shelf.kinds[span], self.shelf.topics[span]
            named = np.flatnonzero(topics >= 0)
            if not named.size:
                continue
            end = named[0] + 1
            if rng.random() < self.manner.changed:
                tokens, kinds, topics = self._changed(tokens[:end], kinds[:end], topics[:end], rng)
            is_said = (kinds[:end] >= WORD) & (kinds[:end] <= SAID)
            if is_said[: len(tokens)].any():
                words.append(tokens[:end][is_said])
                about.append(int(topics[topics >= 0][0]))
            if len(about) == count:
                break
        begins = np.cumsum([0, *map(len, words)])[:-1]
        return np.concatenate(words).astype(np.int64), begins, np.array(about)

    def _told(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return one conversation as it is told this time: tokens, how much each counts, topics."""
        span = slice(self.shelf.begins[number], self.shelf.begins[number + 1])
        tokens, kinds, topics = self.shelf.tokens[span], self.shelf.kinds[span], self.shelf.topics[span]
        manner = self.manner
        if rng.random() < manner.cut and kinds[-2] == ANSWER:
            answer = int(np.flatnonzero(kinds != ANSWER)[-2]) + 1  # the last of all is the line break after the end
            end = answer + int(rng.integers(manner.cut_at[0], manner.cut_at[1] + 1))
            tokens, kinds, topics = tokens[:end], kinds[:end], topics[:end]
        if rng.random() < manner.changed:
            tokens, kinds, topics = self._changed(tokens, kinds, topics, rng)
        return tokens, _counts(kinds, manner, rng), topics

    def _changed(
        self, tokens: np.ndarray, kinds: np.ndarray, topics: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        manner = self.manner
        starts = np.flatnonzero(kinds == WORD)
        if starts.size < 3:
            return tokens, kinds, topics
        is_kept = np.ones(tokens.size, dtype=bool)
        share = rng.random() * manner.lost
        tokens = tokens.copy()
        for start in starts[rng.random(starts.size) < share]:
            end = start + 1
            while end < kinds.size and kinds[end] == REST:
                end += 1
            is_kept[start:end] = False
            if rng.random() < manner.strange:
                is_kept[start] = True
                tokens[start] = rng.choice(self._words)
        if not (is_kept & (kinds == WORD)).any():
            return tokens, kinds, topics
        tokens, kinds, topics = tokens[is_kept], kinds[is_kept], topics[is_kept]
        return (_shuffled(tokens, kinds, rng) if rng.random() < manner.shuffled else tokens), kinds, topics


def _shuffled(tokens: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the tokens with the words of each question in any order; their kinds are not in order then, nor needed."""
    tokens = tokens.copy()
    is_loose = (kinds == WORD) | (kinds == REST)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_loose, [False])).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        words = np.split(tokens[begin:end], np.flatnonzero(kinds[begin:end] == WORD)[1:])
        tokens[begin:end] = np.concatenate([words[at] for at in rng.permutation(len(words))])
    return tokens


def _counts(kinds: np.ndarray, manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """Return how much each token counts.

    The beginning of an answer, where the model decides what it has been asked, counts most; the middle of a long plan,
    most of which is copied, counts least, or plans would be all that is learned.
    """
    is_learned = (kinds >= WORD) & (kinds <= SAID) & (rng.random(kinds.size) < ASKED)
    counts = np.where(is_learned, manner.asked, 0.0).astype(np.float32)
    is_answer = kinds >= ANSWER
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_answer, [False])).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        counts[begin:end] = manner.light if end - begin > LONG else manner.plain
        counts[begin : min(begin + DECIDES, end)] = manner.heavy
    return counts
