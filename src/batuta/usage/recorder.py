"""Sums up what the facts on the bus tell of requests and loads, and writes the sums down some seconds later.

Nothing waits for a database on the way of a request: a fact costs some additions. What was not written when a process
is killed, at most FLUSH_S of it, is lost to the sums. Knows no prices and no limits.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Final

from batuta.catalog.store import NotSaved
from batuta.catalog.usage_store import FIRST, FIRST_BOUNDS, UsageRow, UsageStore
from batuta.clock import Clock
from batuta.observe.bus import Bus
from batuta.observe.events import ModelStateChanged, RequestEnded, Swapped
from batuta.tasks import Tasks
from batuta.usage.cost import nano
from batuta.usage.days import Days, first_of_month
from batuta.usage.limits import Budgets

log = logging.getLogger("batuta.usage")
FLUSH_S: Final = 5.0
LAST_WORD_S: Final = 5.0  # at the end of the process, for a database that hangs
MOST_ROWS: Final = 20_000  # that wait for a database which cannot be written; what comes after is not summed up
Key = tuple[str, str, str, str]


class Recorder:
    """Listens from its making; `open` it to recall what was spent and to write; `aclose` writes what is left.

    Args:
        bus: where the facts come from.
        store: where the sums go.
        clock: time.
        days: when a day begins.
        provider_of: tells who serves a model; empty: nobody knows any more.
        on_error: told of what a background task died of.
        budgets: told what was spent before this run.
    """

    def __init__(
        self,
        bus: Bus,
        store: UsageStore,
        *,
        clock: Clock,
        days: Days,
        provider_of: Callable[[str], str],
        on_error: Callable[[str, BaseException], None],
        budgets: Budgets | None = None,
    ) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self.days = days
        self._provider_of = provider_of
        self._budgets = budgets
        self._rows: dict[Key, UsageRow] = {}
        self._spent: dict[tuple[str, str], int] = {}
        self._loading: dict[str, float] = {}
        self._tasks = Tasks(on_error)
        self._writing = asyncio.Lock()
        self._is_told = False  # that nothing can be written; once is enough
        self._takers: dict[type[Any], Callable[[Any], None]] = {
            RequestEnded: self._request,
            ModelStateChanged: self._state,
            Swapped: self._swap,
        }
        bus.listen(self.take)

    def __repr__(self) -> str:
        return f"<Recorder, {len(self._rows)} sums not written yet>"

    # Facts --------------------------------------------------------------------------------------------------

    def take(self, fact: Any) -> None:
        """Sum up a fact, if it is one that counts."""
        if (taker := self._takers.get(type(fact))) is not None:
            taker(fact)

    def spent(self, key_id: str, day: str, amount: int) -> None:
        """Take in what counts against a key's limits, in nano-dollars."""
        self._spent[key_id, day] = self._spent.get((key_id, day), 0) + amount

    def _row(self, model: str, provider: str, key_id: str = "") -> UsageRow:
        key = (self.days.day(self._clock.wall()), provider, model, key_id)
        if (row := self._rows.get(key)) is None:
            row = UsageRow(*key)
            if len(self._rows) < MOST_ROWS:
                self._rows[key] = row
        return row

    def _request(self, fact: RequestEnded) -> None:
        if fact.model is None:  # nobody was asked
            return
        row = self._row(fact.model, fact.provider or self._provider_of(fact.model), fact.key_id)
        is_answered = fact.ttft_s is not None
        row.add(
            requests=1,
            failed=fact.error is not None,
            fallbacks=fact.fallbacks > 0 and is_answered,
            prompt_tokens=fact.prompt_tokens or 0,
            cached_tokens=fact.cached_tokens or 0,
            completion_tokens=fact.completion_tokens or 0,
            reasoning_tokens=fact.reasoning_tokens or 0,
            cost=nano(fact.cost) if fact.cost else 0,
            unpriced=fact.is_paid and is_answered and fact.cost is None,
        )
        if fact.ttft_s is None:
            return
        row.add(**{FIRST[bisect_left(FIRST_BOUNDS, fact.ttft_s)]: 1})
        after = round((fact.total_s - fact.ttft_s) * 1000)
        if fact.completion_tokens and after > 0:  # an answer that came whole says nothing of its speed
            row.add(answer_tokens=fact.completion_tokens, answer_ms=after)

    def _state(self, fact: ModelStateChanged) -> None:
        if fact.new == "loading":
            self._loading[fact.model] = self._clock.monotonic()
            return
        started = self._loading.pop(fact.model, None)
        if started is not None and fact.new == "ready":
            seconds = self._clock.monotonic() - started
            self._row(fact.model, self._provider_of(fact.model)).add(loads=1, load_ms=round(seconds * 1000))

    def _swap(self, fact: Swapped) -> None:
        self._row(fact.model, self._provider_of(fact.model)).add(swaps=1)

    # The database -------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Recall what was spent in this month, and write every FLUSH_S from now on. The database must be open."""
        if not await self._recall():
            log.warning("what was spent with keys that have limits cannot be read; they are not used until it can")
        self._tasks.start(self._write_on(), name="usage")

    async def _recall(self) -> bool:
        if self._budgets is None or self._budgets.is_known:
            return True
        try:
            spending = await self._store.spending(first_of_month(self.today))
        except NotSaved:
            return False
        self._budgets.recall(spending)
        return True

    @property
    def today(self) -> str:
        """The day that is running."""
        return self.days.day(self._clock.wall())

    async def _write_on(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_S)
            await self._recall()
            await self.flush()

    async def flush(self) -> None:
        """Write what is not written yet; what cannot be written is kept for the next time."""
        if self._budgets is not None and not self._budgets.is_known:
            return  # what is read later must not hold what is counted here already
        async with self._writing:
            rows, self._rows = self._rows, {}
            spent, self._spent = self._spent, {}
            if not rows and not spent:
                return
            try:
                await self._store.add(rows.values(), spent, drop_before=first_of_month(self.today))
            except NotSaved as error:
                self._keep(rows.values(), spent.items())
                if not self._is_told:
                    log.warning("usage cannot be written for now: %s", error.message)
                self._is_told = True
            else:
                self._is_told = False

    def _keep(self, rows: Iterable[UsageRow], spent: Iterable[tuple[tuple[str, str], int]]) -> None:
        for row in rows:
            key = (row.day, row.provider, row.model, row.key_id)
            if (newer := self._rows.get(key)) is not None:
                row.add(**newer.sums)
            self._rows[key] = row
        for (key_id, day), amount in spent:
            self.spent(key_id, day, amount)

    async def rows(self, first: str) -> list[UsageRow]:
        """Return everything from that day on, the last seconds too. Raises NotSaved when it cannot be read."""
        await self.flush()
        written = await self._store.rows(first)
        return written + [UsageRow(*key, dict(row.sums)) for key, row in self._rows.items() if row.day >= first]

    async def aclose(self) -> None:
        """Write what is left, briefly, and end. The database must still be open."""
        self._bus.drop(self.take)
        try:
            async with asyncio.timeout(LAST_WORD_S), self._writing:  # a write is never cut: it would be done twice
                await self._tasks.aclose()
            async with asyncio.timeout(LAST_WORD_S):
                await self.flush()
        except TimeoutError:
            log.warning("the usage of the last seconds was not written: the database does not answer")
