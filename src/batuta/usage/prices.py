"""What a model costs per token: rows with a date and a source, in known/prices.toml and a person's own file.

A model that no row fits has no known price. That is never the same as costing nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from batuta.errors import BadSettings

FILE_NAME: Final = "prices.toml"  # ours in the package, a person's own beside the settings file
DEAREST: Final = 100_000.0  # dollars for a million tokens; what is above is a price by the token
INPUT_SHARE: Final = 0.75  # of a usual call's tokens; conversations are sent again with every turn
_NUMBERS: Final = ("input", "cached", "output", "reasoning")
_KNOWN: Final = frozenset({"provider", "pattern", "above", "date", "source", *_NUMBERS})


@dataclass(frozen=True, slots=True)
class Price:
    """What the models of a provider whose whole name fits a pattern cost, in US dollars per million tokens.

    Attributes:
        provider: a row of `known/providers.toml`, or the id of a person's own provider.
        pattern: fits the model's name at its provider from start to end, in any case.
        input: tokens of the question.
        output: tokens of the answer.
        cached: tokens of the question that the provider had in its cache; None: as `input`.
        reasoning: tokens of reasoning; None: as `output`.
        above: the price holds for questions of more tokens than this.
        date: the day on which the source said so.
        source: where.
        is_own: a person wrote it down.
    """

    provider: str
    pattern: re.Pattern[str]
    input: float
    output: float
    cached: float | None = None
    reasoning: float | None = None
    above: int = 0
    date: date = date.min
    source: str = ""
    is_own: bool = False

    @property
    def blended(self) -> float:
        """One figure to compare models by: a usual call's mixture of question and answer."""
        return self.input * INPUT_SHARE + self.output * (1 - INPUT_SHARE)


class Prices:
    """Rows of prices, asked by model. Of several that fit, the last counts.

    Args:
        rows: the later go before the earlier.
    """

    def __init__(self, rows: Iterable[Price]) -> None:
        self._rows = tuple(rows)
        self._known: dict[tuple[str, str], tuple[Price, ...]] = {}

    def __repr__(self) -> str:
        return f"<Prices of {len(self._rows)} rows>"

    def of(self, provider: str, model: str, *, question: int = 0) -> Price | None:
        """Return the price of a model by its name at its provider; None where it is not known.

        Args:
            provider: a row of `known/providers.toml`, or a provider's own id.
            model: its name there.
            question: tokens of the question; long ones cost more at some.
        """
        if (fitting := self._known.get((provider, model))) is None:
            fitting = tuple(r for r in self._rows if r.provider == provider and r.pattern.fullmatch(model))
            self._known[provider, model] = fitting
        return next((row for row in reversed(fitting) if question > row.above or not row.above), None)

    def over(self, rows: Iterable[Price]) -> Prices:
        """Return these prices with a person's own rows over them."""
        return Prices((*self._rows, *(replace(row, is_own=True) for row in rows)))


def read_rows(text: str, *, where: str) -> tuple[Price, ...]:
    """Read rows from TOML. Raises BadSettings naming the row that cannot be read.

    Args:
        text: `[[price]]` tables; see the head of `known/prices.toml`.
        where: what messages call the file.
    """
    try:
        listed = tomllib.loads(text).get("price", [])
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{where} is not TOML: {error}") from None
    if not isinstance(listed, list):
        raise BadSettings(f"{where}: write each row as [[price]]")
    return tuple(_row(raw, f"{where}, row {number}") for number, raw in enumerate(listed, start=1))


def _row(raw: Any, where: str) -> Price:
    """Check a row: 1. its words; 2. whom it is for; 3. its figures; 4. its day."""
    if unknown := sorted(raw.keys() - _KNOWN) if isinstance(raw, dict) else ["no table"]:  # 1
        raise BadSettings(f"{where} has words that mean nothing here: {', '.join(unknown)}")
    if not isinstance(raw.get("provider"), str) or not isinstance(raw.get("pattern"), str):  # 2
        raise BadSettings(f"{where} needs a `provider` and a `pattern`, as text")
    try:
        pattern = re.compile(raw["pattern"], re.IGNORECASE)
    except re.error as error:
        raise BadSettings(f"{where}: {raw['pattern']!r} is no pattern: {error}") from None
    figures = {name: _figure(raw[name], f"{where}: `{name}`") for name in _NUMBERS if name in raw}  # 3
    if not {"input", "output"} <= figures.keys():
        raise BadSettings(f"{where} needs `input` and `output`, in US dollars per million tokens")
    above = raw.get("above", 0)
    if not isinstance(above, int) or isinstance(above, bool) or above < 0:
        raise BadSettings(f"{where}: `above` is a number of tokens, 0 or more")
    if not isinstance(day := raw.get("date"), date):  # 4
        raise BadSettings(f"{where} needs a `date`, written like 2026-11-21")
    return Price(
        raw["provider"],
        pattern,
        figures["input"],
        figures["output"],
        cached=figures.get("cached"),
        reasoning=figures.get("reasoning"),
        above=above,
        date=day,
        source=str(raw.get("source", "")),
    )


def _figure(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= DEAREST:
        raise BadSettings(f"{what} is a number of US dollars per million tokens, from 0 to {DEAREST:,.0f}")
    return float(value)


@cache
def known_prices() -> Prices:
    """Return the prices that come with Batuta."""
    text = resources.files("batuta.catalog").joinpath("known", FILE_NAME).read_text(encoding="utf-8")
    return Prices(read_rows(text, where=FILE_NAME))


def prices_with(own: Path) -> tuple[Prices, str]:
    """Return the prices with those of a person's own file over them, and why the file was left out, if it was.

    Blocks on the disk. A file that is not there is no mistake.
    """
    try:
        return known_prices().over(read_rows(own.read_text(encoding="utf-8"), where=str(own))), ""
    except FileNotFoundError:
        return known_prices(), ""
    except BadSettings as error:
        return known_prices(), f"{error.message}; the file is left out"
    except (OSError, UnicodeDecodeError) as error:
        return known_prices(), f"{own} cannot be read: {error}"
