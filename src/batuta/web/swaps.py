"""Remembers the last swap, for the pages: who left for whom, what came back, how long it took. Decides nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from batuta.lifecycle.words import swap_sentence
from batuta.observe.bus import Bus
from batuta.observe.events import Swapped
from batuta.web.i18n import Language

MOST: Final = 1  # lines below the memory bars, where room is short; the stories have the rest


class LastSwaps:
    """Listens to a bus for as long as the process runs."""

    def __init__(self, bus: Bus) -> None:
        self._swaps: deque[Swapped] = deque(maxlen=MOST)
        bus.listen(self.take)

    def take(self, fact: Any) -> None:
        """Keep a fact, if it is a swap."""
        if isinstance(fact, Swapped) and fact.evicted:
            self._swaps.appendleft(fact)

    def lines(self, words: Language, names: Mapping[str, str]) -> tuple[str, ...]:
        """Return the swaps as lines in the reader's language, the latest first. `names`: by model id."""
        return tuple(swap_sentence(swap, words, names=names) for swap in self._swaps)
