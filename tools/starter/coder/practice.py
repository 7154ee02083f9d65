"""What starter-coder does before it reads a request: repeats what it is told, whatever that is.

A model that cannot copy yet learns nothing from the values of a program, and finds out how only late. A few hundred
steps of any tokens, which are to be said again, teach it first, and all tokens alike.
"""

from __future__ import annotations

import numpy as np
from tokenizers import Tokenizer

from tools.starter.batches import BATCH, ROWS, Batch
from tools.starter.dialogue import END, SPECIAL, START

STEPS = 260
SHORTEST, LONGEST = 2, 19  # tokens to repeat
FIRST = len(SPECIAL)  # of the tokens that may be said


class Practice:
    """Makes the batch of any step, the same one each time."""

    def __init__(self, tokenizer: Tokenizer, *, seed: int) -> None:
        self.seed = seed
        self._size = tokenizer.get_vocab_size()
        self._said, self._answered, self._end = (
            tokenizer.encode(text).ids for text in (f"{START}user\n", f"{START}assistant\n", f"{END}\n")
        )

    def at(self, step: int) -> Batch:
        """Return the batch of a step."""
        rng = np.random.default_rng((self.seed, step))
        row = ROWS[0]
        tokens = np.zeros((BATCH // row, row + 1), dtype=np.int64)
        weights = np.zeros(tokens.shape, dtype=np.float32)
        for line, counts in zip(tokens, weights, strict=True):
            used = 0
            while (told := self._repeated(rng))[0].size + used <= row + 1:
                line[used : used + told[0].size], counts[used : used + told[0].size] = told
                used += told[0].size
        return Batch(tokens, weights[:, 1:], np.full((len(tokens), row), -1, dtype=np.int64))

    def _repeated(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return one conversation: tokens, and how much each counts."""
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        some = rng.integers(FIRST, self._size, length)
        if rng.random() < 0.5:  # few different ones: what comes next is then not told by one token alone
            some = rng.choice(rng.integers(FIRST, self._size, max(2, length // 2)), length)
        tokens = np.array([0, *self._said, *some, *self._end, *self._answered, *some, *self._end])
        counts = np.zeros(len(tokens), dtype=np.float32)
        counts[len(tokens) - len(self._end) - length : len(tokens) - len(self._end) + 1] = 1.0
        return tokens, counts
