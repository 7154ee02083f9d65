"""Which external APIs a person has a key for, by the names of environment variables.

Never reads a key's value further than that it is there, and sends nothing anywhere: a provider that is found so is off
until a person switches it on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from batuta import kinds
from batuta.catalog.entities import Provider

KIND_OF: Final[Mapping[str, str]] = {"openai": kinds.OPENAI_COMPAT}
"""Dialect -> the kind of engine that speaks it."""


@dataclass(frozen=True, slots=True)
class External:
    """An API, as `known/providers.toml` has it."""

    id: str
    name: str
    variables: tuple[str, ...]
    dialect: str
    base_url: str


@dataclass(frozen=True, slots=True)
class SeenKey:
    """A key that is in the environment.

    Attributes:
        id: of the API it is for.
        name: what a person calls that API.
        variable: where the key is.
        provider: what could be used with it, switched off; None where Batuta does not speak the API's dialect yet.
    """

    id: str
    name: str
    variable: str
    provider: Provider | None


def _table() -> tuple[External, ...]:
    text = resources.files("batuta.catalog").joinpath("known", "providers.toml").read_text(encoding="utf-8")
    return tuple(_external(**row) for row in tomllib.loads(text)["provider"])


def _external(*, variables: Iterable[str], **rest: Any) -> External:
    return External(variables=tuple(variables), **rest)


TABLE: Final = _table()


def seen_keys(environ: Mapping[str, str], table: Iterable[External] = TABLE) -> tuple[SeenKey, ...]:
    """Return the keys there are, in the table's order; of several for one API the first."""
    seen = ((api, next((name for name in api.variables if environ.get(name)), None)) for api in table)
    return tuple(SeenKey(api.id, api.name, variable, _provider(api, variable)) for api, variable in seen if variable)


def _provider(api: External, variable: str) -> Provider | None:
    if (kind := KIND_OF.get(api.dialect)) is None:
        return None
    return Provider(api.id, kind, api.name, api.base_url, key_ref=f"env:{variable}", enabled=False)
