"""Limits that a person set for a key: they stop a call before it is sent, not after the money is gone.

What a call may cost is held from the moment it is begun, and settled with what it did cost. Calls that begin at the
same moment count each other, so that a thousand of them pass no limit together. Knows no vault and no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol

from batuta.chat.types import CallNote
from batuta.usage.cost import NANO, nano, shown
from batuta.usage.days import month_of

PERIODS: Final = ("daily", "monthly")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent with a key, in nano-dollars; None: no limit. Days and months are those of `usage.days`."""

    day: int | None = None
    month: int | None = None

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to keep."""
        return self.day is None and self.month is None


NO_LIMITS: Final = Limits()


class Limited(Protocol):
    """A key, as far as its limits go (`vault.records.KeyRecord` has this form). US dollars; None: no limit."""

    @property
    def id(self) -> str: ...
    @property
    def daily_limit(self) -> Decimal | None: ...
    @property
    def monthly_limit(self) -> Decimal | None: ...


def limits_of(keys: Callable[[], Iterable[Limited]]) -> Callable[[str], Limits]:
    """Return what tells a key's limits, by its id, from all keys there are at that moment."""

    def find(key_id: str) -> Limits:
        key = next((each for each in keys() if each.id == key_id), None)
        if key is None:
            return NO_LIMITS
        return Limits(*(None if each is None else nano(each) for each in (key.daily_limit, key.monthly_limit)))

    return find


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent with a key in the day and the month that are running, in US dollars."""

    day: Decimal
    month: Decimal


@dataclass(slots=True, eq=False)
class Hold:
    """What a call under way may cost.

    Attributes:
        number: calls that began earlier have a smaller one, and go before.
        provider_id: who is asked.
        model: for messages.
        estimate: nano-dollars; None: the price is not known.
        note: says with which key the call was sent, as soon as somebody knows.
    """

    number: int
    provider_id: str
    model: str
    estimate: int | None
    note: CallNote = field(default_factory=CallNote)


CURRENT: Final[ContextVar[Hold | None]] = ContextVar("current_call", default=None)
"""The call that the running task makes. Who chooses its key is several layers away from who knows what it may cost."""


class Budgets:
    """What was spent with each key, what is held, and whether one more call may be sent.

    Args:
        limits: tells a key's limits.
        today: tells the day that is running, like `2026-11-21`.
    """

    def __init__(self, limits: Callable[[str], Limits], today: Callable[[], str]) -> None:
        self._limits = limits
        self._today = today
        self._spent: dict[tuple[str, str], int] = {}  # (key, day or month) -> nano-dollars
        self._month = ""
        self._open: dict[int, Hold] = {}
        self._number = 0
        self.is_known = False

    def __repr__(self) -> str:
        return f"<Budgets, {len(self._open)} calls under way>"

    def recall(self, spending: Mapping[tuple[str, str], int]) -> None:
        """Take in what was spent before this run, by (key, day). Until then no key with a limit may be used."""
        for (key_id, day), amount in spending.items():
            self._add(key_id, day, amount)
        self.is_known = True

    # Calls --------------------------------------------------------------------------------------------------

    def begin(self, provider_id: str, model: str, estimate: int | None, note: CallNote) -> Hold:
        """Hold what a call may cost. End it with `end`."""
        self._number += 1
        hold = Hold(self._number, provider_id, model, estimate, note)
        self._open[hold.number] = hold
        return hold

    def end(self, hold: Hold, amount: int) -> str:
        """Settle a call with what it cost, in nano-dollars; return the day it counts for. Again: nothing."""
        today = self._today()
        if self._open.pop(hold.number, None) is not None and amount and hold.note.key_id:
            self._add(hold.note.key_id, today, amount)
        return today

    def _add(self, key_id: str, day: str, amount: int) -> None:
        month = month_of(day)
        if month > self._month:  # what was before counts for no limit any more
            self._month = month
            self._spent = {(key, period): sum_ for (key, period), sum_ in self._spent.items() if period[:7] == month}
        for period in (day, month):
            self._spent[key_id, period] = self._spent.get((key_id, period), 0) + amount

    # Questions ----------------------------------------------------------------------------------------------

    def blocked(self, key_id: str, provider_id: str, model: str = "", estimate: float | None = None) -> str | None:
        """Say why one more call may not be sent with a key; None: it may.

        1. No limit: whatever it costs.
        2. What was spent before is not known yet.
        3. The call's price is not known: no limit could be kept.
        4. Spent, held by calls that began earlier, and this call come to more than a limit.

        Args:
            key_id: of the vault.
            provider_id: whose key it is.
            model: for the message; empty: the model of the running task's call.
            estimate: US dollars that the call may cost; None: what the running task's call may cost. Without a call,
                whether anything is left at all.
        """
        limits = self._limits(key_id)
        if limits.is_none:  # 1
            return None
        if not self.is_known:  # 2
            return "what was spent with it so far is not known yet"
        mine = CURRENT.get()
        if mine is None or mine.provider_id != provider_id or mine.number not in self._open:
            mine = None
        if estimate is None and mine is not None and mine.estimate is None:  # 3
            return (
                f"the price of {model or mine.model} is not known, so its limit could not be kept; add the price to "
                "prices.toml beside the settings file, or take the limit away"
            )
        wanted = mine.estimate or 0 if estimate is None and mine is not None else int((estimate or 0) * NANO)
        is_open = mine is None and estimate is None  # nothing is about to be sent: is anything left at all?
        held = self._held(key_id, provider_id, before=mine.number if mine is not None else self._number + 1)
        today = self._today()
        for word, limit, period in zip(PERIODS, (limits.day, limits.month), (today, month_of(today)), strict=True):
            spent = self._spent.get((key_id, period), 0)
            if limit is not None and (spent + held + wanted > limit or (is_open and spent + held >= limit)):  # 4
                return _reason(word, limit, spent=spent, held=held, wanted=wanted)
        return None

    def _held(self, key_id: str, provider_id: str, *, before: int) -> int:
        """Return what calls that began earlier may cost this key; one whose key is not chosen yet counts for each."""
        return sum(
            hold.estimate or 0
            for hold in self._open.values()
            if hold.number < before
            and (hold.note.key_id == key_id or (not hold.note.key_id and hold.provider_id == provider_id))
        )

    def spent(self, key_id: str) -> Spent:
        """Return what was spent with a key today and this month."""
        today = self._today()
        amounts = (self._spent.get((key_id, period), 0) for period in (today, month_of(today)))
        return Spent(*(Decimal(amount) / NANO for amount in amounts))


def _reason(word: str, limit: int, *, spent: int, held: int, wanted: int) -> str:
    parts = [f"{shown(spent)} is spent"]
    if held:
        parts.append(f"calls under way may cost {shown(held)}")
    if wanted:
        parts.append(f"this one may cost {shown(wanted)}")
    return f"its {word} limit of {shown(limit)} would be passed: {', '.join(parts)}"
