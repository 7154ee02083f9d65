"""Looks at an engine that other people's programs run: which one counts, how old it is, and one for all who wait.

Knows no engine and no model; what is asked, and what follows from the answer, is each adapter's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from batuta.errors import BatutaError, UpstreamUnreachable

NEVER: Final = float("-inf")

L = TypeVar("L")
L_co = TypeVar("L_co", covariant=True)


class Ask(Protocol[L_co]):
    """Asks an engine how things are with it."""

    async def __call__(self, *, within_s: float) -> L_co:
        """Return what it says. Raises BatutaError, at the latest after that many seconds."""
        ...


class Looks(Generic[L]):
    """The looks at one engine.

    They may overtake each other. One that was begun before the newest that told something says nothing any more: what
    came in, or fell asleep, in between would be seen as it was before. Whoever waited for it hears the newer word.

    That nobody listens, or somebody else, is such a word, too. Any other failure, as silence is, tells nothing of what
    the engine holds: then the look before goes on to count.

    Args:
        ask: makes one look.
        nothing: what is known before the first.
        fresh_s: seconds for which a look speaks for requests.
        on_change: told what was known and what is known now, after each look that counts.
        on_failure: told why a look failed, if no newer one has told something.

    Attributes:
        last: what the newest look saw.
        looked_at: the loop's seconds at which that was; NEVER when it is not to be relied on.
    """

    def __init__(
        self,
        ask: Ask[L],
        *,
        nothing: L,
        fresh_s: float = 0.0,
        on_change: Callable[[L, L], None] = lambda _before, _now: None,
        on_failure: Callable[[BatutaError], None] = lambda _error: None,
    ) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._on_change = on_change
        self._on_failure = on_failure
        self._begun = self._newest = 0  # numbers of looks: the last begun, the newest that told something
        self._absence: BatutaError | None = None  # what the newest told, if it was that nobody is there
        self._turn = asyncio.Lock()
        self._shared = 0  # how many looks have spoken for all who waited
        self._outcome: BatutaError | None = None  # how the last of these failed
        self.last = nothing
        self.looked_at = NEVER

    def is_fresh(self) -> bool:
        """Say whether the last look may speak for a request that comes now."""
        return asyncio.get_running_loop().time() - self.looked_at <= self._fresh_s

    def forget(self) -> None:
        """Have whoever asks next look again, however short a time ago the last look was."""
        self.looked_at = NEVER

    async def look(self, within_s: float) -> L:
        """Look now; return what the newest look saw, which is this one unless it was overtaken. Raises BatutaError."""
        number = self._begun = self._begun + 1
        try:
            now = await self._ask(within_s=within_s)
        except BatutaError as error:
            if number < self._newest:
                return self._newer_word()
            if isinstance(error, UpstreamUnreachable):
                self._newest, self._absence = number, error.again()
                self.forget()
            self._on_failure(error)
            raise
        if number < self._newest:
            return self._newer_word()
        self._newest, self._absence = number, None
        before, self.last, self.looked_at = self.last, now, asyncio.get_running_loop().time()
        self._on_change(before, now)
        return now

    def _newer_word(self) -> L:
        if self._absence is not None:
            raise self._absence.again()
        return self.last

    async def look_again(self, within_s: float) -> None:
        """After a bad answer: whoever asks next, and whoever watches, is to know how things are now."""
        self.forget()
        with suppress(BatutaError):
            await self.look(within_s)

    async def refresh(self, within_s: float) -> None:
        """See that the last look is fresh. One look speaks for all who wait for it, answered or not.

        Nobody waits longer than `within_s`. When the one who looks is cancelled, the next looks, in the time it has
        left.

        Raises:
            BatutaError: how that look failed, for each who waits.
        """
        if self.is_fresh():
            return
        until, seen = asyncio.get_running_loop().time() + within_s, self._shared
        async with self._turn:
            if self.is_fresh():
                return
            if self._shared == seen:
                await self._look_for_all(max(0.0, until - asyncio.get_running_loop().time()))
            elif self._outcome is not None:
                raise self._outcome.again()

    async def _look_for_all(self, within_s: float) -> None:
        try:
            await self.look(within_s)
        except BatutaError as error:
            self._shared, self._outcome = self._shared + 1, error.again()
            raise
        self._shared, self._outcome = self._shared + 1, None
