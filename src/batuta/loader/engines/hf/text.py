"""Turns tokens into text and ends it at stop strings. Pure: knows a tokenizer only by its `decode`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Protocol

UNFINISHED: Final = "\ufffd"  # what decoders write for bytes that are no character, or not yet
MOST_UNFINISHED: Final = 6
"""Marks that may come of one character that is not whole. It has at most four bytes; decoders that fall back to bytes
write a mark for each byte of a row that is not sound, so the character before, which was whole, counts with it.
"""


NEIGHBOURS: Final = 4
"""Tokens of a prompt that are decoded with the first one said."""


class Decoder(Protocol):
    """The part of a tokenizer that is needed here."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        """Return the text of tokens."""
        ...


class Detokenizer:
    """Gives the text of one token after the other; a character of several tokens comes with the last.

    Args:
        tokenizer: what decodes.
        silent: tokens that are no text: ends, roles.
        after: tokens of the text that is continued: the space before a word is there only if one goes before.
    """

    def __init__(self, tokenizer: Decoder, silent: Collection[int] = (), *, after: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._silent = frozenset(silent)
        # The last tokens: what a token says depends on those before it.
        self._kept: list[int] = [token for token in after[-NEIGHBOURS:] if token not in self._silent]
        self._said = len(self._kept)  # how many of them are out

    def add(self, token: int) -> str:
        """Return the text that is certain with this token; it may be empty."""
        if token in self._silent:
            return ""
        self._kept.append(token)
        text = self._news()
        if 0 < len(text) - len(text.rstrip(UNFINISHED)) <= MOST_UNFINISHED:
            return ""
        self._kept = self._kept[self._said :] if text else self._kept
        self._said = len(self._kept) if text else self._said
        return text

    def finish(self) -> str:
        """Return what was held back."""
        return self._news()

    def _news(self) -> str:
        before = self._decode(self._kept[: self._said])
        return self._decode(self._kept)[len(before) :]

    def _decode(self, tokens: list[int]) -> str:
        if not tokens:
            return ""
        # Cleaning takes the space before a full stop away, also in a program's text, and only once the stop is there.
        return self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)


class StopReader:
    """Passes text on until a stop string; holds back what may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.is_stopped = False

    def feed(self, text: str) -> str:
        """Return the text that is certain not to belong to a stop string."""
        if not self._stops or self.is_stopped:
            return "" if self.is_stopped else text
        self._held += text
        found = [(at + len(stop), at) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:  # the one that is whole first counts, however the text was cut
            self.is_stopped = True
            return self._held[: min(found)[1]]
        keep = max(_overlap(self._held, stop) for stop in self._stops)
        out, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return out

    def finish(self) -> str:
        """Return what was held back."""
        return "" if self.is_stopped else self._held


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text are the beginning of the stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
