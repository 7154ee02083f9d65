"""Turns what is known of keys into lines a template can print. Pure: rows and words in, texts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Final

from batuta.keys.health import Health, KeyState
from batuta.keys.service import KeyRow
from batuta.web.fragments import N_
from batuta.web.i18n import Language

STATES: Final = {
    KeyState.GOOD: N_("good"),
    KeyState.RESTING: N_("resting: its provider limits it"),
    KeyState.NO_CREDIT: N_("no credit left"),
    KeyState.INVALID: N_("refused by its provider"),
    KeyState.DISABLED: N_("not in use"),
}
DOTS: Final = {
    KeyState.GOOD: "ready",
    KeyState.RESTING: "queued",
    KeyState.NO_CREDIT: "failed",
    KeyState.INVALID: "failed",
    KeyState.DISABLED: "disabled",
}
UNPROVEN: Final = N_("not used yet")
CLOSED: Final = N_("cannot be read now")
MASK: Final = "\N{BULLET}" * 4


@dataclass(frozen=True)
class KeyLine:
    """A key on the page. Texts are in the reader's language.

    Attributes:
        status: the dot's: ready | queued | failed | disabled | disk.
        masked: the last four characters behind a mask.
        facts: last use, limits and what was spent.
        detail: what the provider said, as it said it.
        can_change: it is stored here; one of the environment is changed there.
        is_closed: it is stored, and the vault is sealed: it can be deleted, and nothing else.
        is_alone: its provider has no other key to be before or behind.
    """

    id: str
    dom_id: str
    name: str
    provider: str
    label: str
    masked: str
    status: str
    state: str
    facts: tuple[str, ...]
    detail: str
    can_change: bool
    is_closed: bool
    is_alone: bool
    enabled: bool
    daily: str
    monthly: str
    position: int


def key_lines(rows: Iterable[KeyRow], words: Language, *, now: float, is_sealed: bool = False) -> tuple[KeyLine, ...]:
    """Return a line a key. `now`: wall seconds; `is_sealed`: stored keys cannot be read."""
    rows = tuple(rows)
    stored = Counter(row.record.provider_id for row in rows if not row.variable)
    return tuple(
        _line(
            row,
            words,
            now,
            is_closed=is_sealed and not row.variable,
            is_alone=stored[row.record.provider_id] < 2,
        )
        for row in rows
    )


def _line(row: KeyRow, words: Language, now: float, *, is_closed: bool, is_alone: bool) -> KeyLine:
    record, health = row.record, row.health
    provider = (row.provider.name if row.provider else "") or record.provider_id
    is_unproven = health.state is KeyState.GOOD and record.last_outcome in {"", "unknown", "unreachable"}
    masked = f"{MASK}{record.last4}"
    if is_closed:
        state = words.say(CLOSED)
    elif is_unproven and not record.last_used:
        state = words.say(UNPROVEN)
    else:
        state = _state(health, row.rests_s, words)
    return KeyLine(
        id=record.id,
        dom_id="key-" + sha256(record.id.encode()).hexdigest()[:12],
        name=f"{provider} {record.label}".strip() if record.label and not row.variable else f"{provider} {masked}",
        provider=provider,
        label="" if row.variable else record.label,
        masked=masked,
        status="disk" if is_unproven or is_closed else DOTS[health.state],
        state=state,
        facts=tuple(_facts(row, words, now)),
        detail=record.last_error or health.message,
        can_change=not row.variable,
        is_closed=is_closed,
        is_alone=is_alone,
        enabled=record.enabled,
        daily=_plain(record.daily_limit),
        monthly=_plain(record.monthly_limit),
        position=record.position,
    )


def _state(health: Health, rests_s: float | None, words: Language) -> str:
    text = words.say(STATES[health.state])
    if rests_s is None or health.state not in {KeyState.RESTING, KeyState.NO_CREDIT}:
        return text
    return f"{text}; " + words.say(N_("next try in %(time)s"), time=length(rests_s, words))


def _facts(row: KeyRow, words: Language, now: float) -> Iterable[str]:
    record = row.record
    if row.variable:
        yield words.say(N_("from the variable %(name)s"), name=row.variable)
    if row.provider is None:
        yield words.say(N_("its provider is gone"))
    if record.last_used is not None:
        yield words.say(N_("used %(time)s ago"), time=length(max(now - record.last_used, 0), words))
    for spent, limit, alone, of in (
        (row.spent_today, record.daily_limit, N_("%(spent)s today"), N_("%(spent)s of %(limit)s today")),
        (row.spent_month, record.monthly_limit, N_("%(spent)s this month"), N_("%(spent)s of %(limit)s this month")),
    ):
        if limit is not None:
            yield words.say(of, spent=dollars(spent, words), limit=dollars(limit, words))
        elif spent:
            yield words.say(alone, spent=dollars(spent, words))


def dollars(amount: Decimal, words: Language) -> str:
    """Return US dollars with two digits, more where there is less than a cent."""
    digits = 2 if not amount or amount >= Decimal("0.01") else min(1 - amount.adjusted(), 6)
    return f"US$\N{NO-BREAK SPACE}{words.number(float(amount), digits)}"


def length(seconds: float, words: Language) -> str:
    """Return seconds as a person says them: `40 s`, `3 min`, `2 h`, `5 days`."""
    if seconds < 60:
        return words.say(N_("%(seconds)s s"), seconds=words.number(max(seconds, 1)))
    if seconds < 3600:
        return words.say(N_("%(n)s min"), n=words.number(seconds // 60))
    if seconds < 86_400:
        return words.say(N_("%(n)s h"), n=words.number(seconds // 3600))
    return words.say_many("%(n)s day", "%(n)s days", int(seconds // 86_400))


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"
