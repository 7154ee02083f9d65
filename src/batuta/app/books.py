"""What is spent: the limits of keys, the sums of usage, and the prices by which calls are counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from batuta.catalog.entities import Provider
from batuta.catalog.store import Store
from batuta.catalog.usage_store import UsageStore
from batuta.clock import Clock
from batuta.observe.bus import Bus
from batuta.usage.days import Days
from batuta.usage.limits import Budgets, Limited, limits_of
from batuta.usage.meter import Meter
from batuta.usage.prices import Prices, prices_with
from batuta.usage.recorder import Recorder

log = logging.getLogger("batuta.app")


class Books:
    """The money side of one gateway. `open` it when the store is open; `aclose` it before the store is closed.

    Args:
        bus: where requests are told of.
        store: the catalog's.
        clock: time.
        days: when a day begins.
        keys: all stored keys with their limits.
        provider: finds a provider by its id.
        provider_of: tells who serves a model.
        on_error: told of what a background task died of.

    Attributes:
        budgets: what was spent with each key, and its limits.
        usage: the sums of usage.
        meter: counts a call.
    """

    def __init__(
        self,
        bus: Bus,
        store: Store,
        *,
        clock: Clock,
        days: Days,
        keys: Callable[[], Iterable[Limited]],
        provider: Callable[[str], Provider | None],
        provider_of: Callable[[str], str],
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        self.budgets = Budgets(limits_of(keys), lambda: days.day(clock.wall()))
        self.usage = Recorder(
            bus,
            UsageStore(store),
            clock=clock,
            days=days,
            provider_of=provider_of,
            on_error=on_error,
            budgets=self.budgets,
        )
        self.meter = Meter(Prices(()), provider, budgets=self.budgets, spent=self.usage.spent)

    async def open(self, own_prices: Path) -> None:
        """Read the prices, with a person's own file over them, and what was spent before."""
        self.meter.prices, problem = await asyncio.to_thread(prices_with, own_prices)
        if problem:
            log.warning("%s", problem)
        await self.usage.open()

    async def aclose(self) -> None:
        """Write what is not written yet."""
        await self.usage.aclose()
