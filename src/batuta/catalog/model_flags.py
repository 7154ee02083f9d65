"""What is true of single models of external APIs, by their names: rows with a date, in known/model_flags.toml.

A flag is a word and a value; what it means is said where it is read, in the provider's adapter. Rows are read from top
to bottom and later ones override earlier ones, so that a family is one row and its odd member another. Knows no engine.
"""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from batuta.errors import BadSettings

_COLUMNS = {"provider", "pattern", "date"}


@dataclass(frozen=True, slots=True)
class FlagRow:
    """What is true of the models of a provider whose whole name fits a pattern.

    Attributes:
        provider: a row of `known/providers.toml`.
        pattern: fits the model's name at its provider from start to end, in any case.
        date: the day on which this was known to be true.
        flags: word -> value.
    """

    provider: str
    pattern: re.Pattern[str]
    date: date
    flags: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class ModelFlags:
    """Rows of flags, asked by model.

    Args:
        rows: the later override the earlier.
    """

    def __init__(self, rows: Iterable[FlagRow]) -> None:
        self._rows = tuple(rows)
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<ModelFlags of {len(self._rows)} rows>"

    def of(self, provider: str, model: str) -> Mapping[str, Any]:
        """Return the flags of a model by its name at its provider; empty where nothing is known of it."""
        key = (provider, model)
        if (flags := self._known.get(key)) is None:
            fitting = (row for row in self._rows if row.provider == provider and row.pattern.fullmatch(model))
            flags = self._known[key] = MappingProxyType({k: v for row in fitting for k, v in row.flags.items()})
        return flags

    def over(self, rows: Iterable[FlagRow]) -> ModelFlags:
        """Return these flags with a person's own rows over them."""
        return ModelFlags((*self._rows, *rows))


def read_rows(text: str, *, where: str) -> tuple[FlagRow, ...]:
    """Read rows from TOML. Raises BadSettings naming the row that cannot be read.

    Args:
        text: `[[model]]` tables with `provider`, `pattern`, `date` and any flags.
        where: what messages call the file.
    """
    try:
        listed = tomllib.loads(text).get("model", [])
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{where} is not TOML: {error}") from None
    if not isinstance(listed, list):
        raise BadSettings(f"{where}: write each row as [[model]]")
    return tuple(_row(raw, f"{where}, row {number}") for number, raw in enumerate(listed, start=1))


def _row(raw: Any, where: str) -> FlagRow:
    if not isinstance(raw, dict) or not isinstance(raw.get("provider"), str) or not isinstance(raw.get("pattern"), str):
        raise BadSettings(f"{where} needs a `provider` and a `pattern`, as text")
    if not isinstance(day := raw.get("date"), date):
        raise BadSettings(f"{where} needs a `date`, written like 2026-11-21")
    try:
        pattern = re.compile(raw["pattern"], re.IGNORECASE)
    except re.error as error:
        raise BadSettings(f"{where}: {raw['pattern']!r} is no pattern: {error}") from None
    flags = MappingProxyType({name: value for name, value in raw.items() if name not in _COLUMNS})
    return FlagRow(raw["provider"], pattern, day, flags)


@cache
def known_flags() -> ModelFlags:
    """Return the flags that come with Batuta. Read as a module is, once: engines call it when they are imported."""
    name = "model_flags.toml"
    data = pkgutil.get_data("batuta.catalog", f"known/{name}")
    assert data is not None, "a part of the package is missing"
    return ModelFlags(read_rows(data.decode(), where=name))
