"""What the Usage page shows, ready to print: numbers as people of a language write them, and lengths of bars. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from batuta.catalog.usage_store import UsageRow
from batuta.usage.days import span
from batuta.usage.report import Report, report
from batuta.web.fragments import N_
from batuta.web.i18n import Language

FULL: Final = 1000  # units of a bar's drawing
MOST_BARS: Final = 92  # days that are drawn one by one; the table in the CSV has all
SMALLEST: Final = 4  # what is there is seen
_UNITS: Final = ("", "k", "M", "G")  # of tokens; not translated, as units are not
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table. Texts, but for `bar`: its length of FULL. `id`: what programs call it, where that differs."""

    name: str
    id: str
    requests: str
    failed: str
    prompt: str
    completion: str
    cost: str
    first: str
    speed: str
    bar: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of all together, and what is to be said below it."""

    name: str
    value: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the drawing: where it begins, how high it is (both of FULL), and its words."""

    start: int
    width: int
    height: int
    text: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Everything on the page.

    Attributes:
        first: the first day.
        last: the last day.
        time_zone: whose days they are.
        is_empty: nothing was used.
        facts: the figures of all together.
        bars: a day each.
        highest: what the highest bar stands for.
        is_by_cost: the bars show cost; else tokens, because nothing cost anything.
        tables: heading and lines.
        unpriced: answers whose cost is not known.
        query: of the address that gives the same as CSV.
    """

    first: str
    last: str
    time_zone: str
    is_empty: bool
    facts: tuple[Fact, ...]
    bars: tuple[Bar, ...]
    highest: str
    is_by_cost: bool
    tables: tuple[tuple[str, tuple[Line, ...]], ...]
    unpriced: int
    query: str


def usage_page(
    rows: Sequence[UsageRow],
    words: Language,
    *,
    first: str,
    last: str,
    time_zone: str,
    key_name: Callable[[str], str] = str,
    model_name: Callable[[str], str] = str,
) -> UsagePage:
    """Make the page of some days.

    Args:
        rows: the sums.
        words: the visitor's language.
        first: the first day.
        last: the last day, included.
        time_zone: whose days they are, for the page's words.
        key_name: what a person calls a key; by default its id.
        model_name: what a person calls a model; by default its id.
    """

    def grouped(*by: str) -> Report:
        return report(rows, by=by, first=first, last=last)

    total, by_day = grouped().total, grouped("day")
    is_by_cost = total["cost_usd"] > 0
    say = words.say
    names: Iterable[tuple[str, str, Callable[[str], str]]] = (
        (say("By model"), "model", model_name),
        (say("By provider"), "provider", str),
        (say("By key"), "key", lambda key: key_name(key) if key else say("without a stored key")),
    )
    bars, highest = _bars({row["day"]: row for row in by_day.rows}, first, last, words, is_by_cost=is_by_cost)
    tables = [(title, _lines(grouped(word).rows, word, name, words)) for title, word, name in names]
    return UsagePage(
        first,
        last,
        time_zone,
        is_empty=not total["requests"] and not total["loads"],
        facts=_facts(total, words),
        bars=bars,
        highest=highest,
        is_by_cost=is_by_cost,
        tables=tuple(tables if len(tables[2][1]) > 1 or is_by_cost else tables[:2]),
        unpriced=total["unpriced"],
        query=f"format=csv&from={first}&to={last}&by=day,provider,model,key",
    )


def _facts(total: Row, words: Language) -> tuple[Fact, ...]:
    """Return the figures. What is a part of one stands below it, and what there was none of is left out."""
    say = words.say

    def notes(*told: tuple[str, str, Callable[[int, Language], str]]) -> tuple[str, ...]:
        return tuple(say(text, n=write(total[name], words)) for text, name, write in told if total[name])

    known = [
        Fact(
            say("Requests"),
            count(total["requests"], words),
            notes((N_("%(n)s failed"), "failed", count), (N_("%(n)s answered by another model"), "fallbacks", count)),
        ),
        Fact(say("Cost"), money(total["cost_usd"], words), notes((N_("%(n)s of unknown cost"), "unpriced", count))),
        Fact(
            say("Tokens in"),
            tokens(total["prompt_tokens"], words),
            notes((N_("%(n)s from a cache"), "cached_tokens", tokens)),
        ),
        Fact(
            say("Tokens out"),
            tokens(total["completion_tokens"], words),
            notes((N_("%(n)s of reasoning"), "reasoning_tokens", tokens)),
        ),
    ]
    if total["first_token_p50_s"] is not None:
        late = say("95 of 100 within %(n)s", n=seconds(total["first_token_p95_s"], words))
        known.append(Fact(say("First word, half within"), seconds(total["first_token_p50_s"], words), (late,)))
    if total["tokens_per_s"] is not None:
        known.append(Fact(say("Tokens a second"), speed(total["tokens_per_s"], words)))
    if total["loads"]:
        took = () if total["load_s"] is None else (say("%(n)s in all", n=seconds(total["load_s"], words)),)
        known.append(
            Fact(
                say("Loads"),
                count(total["loads"], words),
                took + notes((N_("%(n)s in the place of another model"), "swaps", count)),
            )
        )
    return tuple(known)


def _lines(rows: Sequence[Row], word: str, name: Callable[[str], str], words: Language) -> tuple[Line, ...]:
    used = [row for row in rows if row["requests"]]
    measure = "cost_usd" if any(row["cost_usd"] for row in used) else "completion_tokens"
    longest = max((row[measure] for row in used), default=0) or 1
    return tuple(
        Line(
            name(row[word]),
            row[word] if word == "model" and name(row[word]) != row[word] else "",
            count(row["requests"], words),
            count(row["failed"], words),
            tokens(row["prompt_tokens"], words),
            tokens(row["completion_tokens"], words),
            _cost(row, words),
            seconds(row["first_token_p50_s"], words),
            speed(row["tokens_per_s"], words),
            _length(row[measure], longest),
        )
        for row in used
    )


def _cost(row: Row, words: Language) -> str:
    """Return a cost in words: what is not known is not shown as nothing."""
    if not row["unpriced"]:
        return money(row["cost_usd"], words)
    if not row["cost_usd"]:
        return words.say("not known")
    return words.say("%(cost)s and more", cost=money(row["cost_usd"], words))


def _bars(
    days: Mapping[str, Row], first: str, last: str, words: Language, *, is_by_cost: bool
) -> tuple[tuple[Bar, ...], str]:
    """Return a bar a day, and what the highest of them stands for."""

    def said(amount: float) -> str:
        return money(amount, words) if is_by_cost else tokens(int(amount), words)

    every = span(first, last)[-MOST_BARS:]
    amounts = [_amount(days.get(day), is_by_cost=is_by_cost) for day in every]
    highest, step = max(amounts, default=0) or 1, FULL / len(every)
    bars = tuple(
        Bar(
            round(number * step),
            max(round(step * 0.8), 1),
            _length(amount, highest),
            f"{day}: {said(amount)}",
        )
        for number, (day, amount) in enumerate(zip(every, amounts, strict=True))
    )
    return bars, said(max(amounts, default=0))


def _amount(row: Row | None, *, is_by_cost: bool) -> float:
    if row is None:
        return 0
    return float(row["cost_usd"] if is_by_cost else row["prompt_tokens"] + row["completion_tokens"])


def _length(amount: float, longest: float) -> int:
    return max(round(FULL * amount / longest), SMALLEST) if amount > 0 else 0


# Numbers ------------------------------------------------------------------------------------------------------


def count(number: int, words: Language) -> str:
    """Return a whole number with its thousands apart, by a space that no line is broken at."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number >= 10_000 else words.number(number)


def tokens(number: int, words: Language) -> str:
    """Return a number of tokens as people say it: `1.2 M`."""
    value, power = float(number), 0
    while value >= 999.5 and power < len(_UNITS) - 1:
        value /= 1000
        power += 1
    return f"{words.number(value, 1 if power and value < 99.95 else 0)} {_UNITS[power]}".strip()


def money(dollars: float, words: Language) -> str:
    """Return US dollars: two digits; more where it is less than a cent, so that something is not shown as nothing."""
    digits = 2
    if 0 < dollars < 0.01:
        digits = min(1 - Decimal(str(dollars)).adjusted(), 6)
    return f"US$\N{NO-BREAK SPACE}{words.number(dollars, digits)}"


def seconds(value: float | None, words: Language) -> str:
    """Return seconds with a digit or two; a dash where nothing was measured."""
    if value is None:
        return "\N{EN DASH}"
    return f"{words.number(value, 2 if value < 1 else 1)} s"


def speed(value: float | None, words: Language) -> str:
    """Return tokens a second; a dash where nothing was measured."""
    return "\N{EN DASH}" if value is None else words.number(value, 1 if value < 100 else 0)
