"""The external APIs Batuta knows: where they are, how a key is proved, which a person has a key for.

The facts are data (`known/providers.toml`), each with its date. Never reads a key's value further than that it is
there, and sends nothing anywhere: a provider that is found by its key is off until a person switches it on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from batuta import kinds
from batuta.catalog.entities import Capability, Provider

KINDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": ("openai_family", kinds.OPENAI_COMPAT),
    "anthropic": ("anthropic",),
    "gemini": ("gemini",),
}
"""Dialect -> the kinds of engine that speak it, the best first; the first that Batuta has counts."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The cheapest request that proves a key.

    Attributes:
        path: below the API's root; with a slash first: below the place where the root's own path begins.
        origin: scheme and host where `path` is, when the API's own is another; empty: there.
        method: GET, or POST with `body`.
        key_header: header of the bare key; empty: as the API has it.
        body: JSON to send with a POST; empty: none.
        yes: fields of the answer, dots for depth, that must be true.
        no: fields that must not be true.
        credit: field that is false, or a number not above 0, when no money is left; empty: the answer does not say.
    """

    path: str = "models"
    origin: str = ""
    method: str = "GET"
    key_header: str = ""
    body: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    credit: str = ""


@dataclass(frozen=True, slots=True)
class External:
    """An API, as `known/providers.toml` has it.

    Attributes:
        id: short name; what `Provider.preset` names.
        name: what a person reads.
        variables: of the environment, where its key may be.
        dialect: openai, anthropic or gemini.
        base_url: the root of the API.
        hosts: names it goes by beside that of `base_url`.
        key_header: header of the bare key; empty: `Authorization: Bearer`.
        key_prefix: how its keys begin; empty: unknown.
        unofficial: the vendor does not document the API for others.
        checked: when this row was last read in the vendor's documents.
        docs: where those are.
        assumes: what a listed model can do where the list does not say.
        models: what it serves, where it has no list of models or an empty one.
        list: path of the list of models, as of `KeyCheck.path`; empty: it has none.
        check: how a key is proved.
        quirks: what it does in a way of its own; the engine of its dialect reads them.
    """

    id: str
    name: str
    variables: tuple[str, ...]
    dialect: str
    base_url: str
    hosts: frozenset[str] = frozenset()
    key_header: str = ""
    key_prefix: str = ""
    unofficial: bool = False
    checked: date = date.min
    docs: str = ""
    assumes: frozenset[Capability] = frozenset({Capability.CHAT})
    models: tuple[str, ...] = ()
    list: str = "models"
    check: KeyCheck = KeyCheck()
    quirks: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    @property
    def path(self) -> str:
        """The path of the API's root, without a slash at its end."""
        return urlsplit(self.base_url).path.rstrip("/")

    def is_home(self, base_url: str) -> bool:
        """Say whether an address is one of the vendor's own, not a proxy's."""
        parts = urlsplit(base_url)
        return parts.scheme == "https" and (parts.hostname or "") in self.hosts

    def root_of(self, base_url: str) -> str:
        """Return the API's root for an address a person gave: without a path it gets the API's own."""
        parts = urlsplit(base_url.strip())
        path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
        return urlunsplit((parts.scheme, parts.netloc, path or self.path, "", ""))

    def url_of(self, base_url: str, path: str, *, origin: str = "") -> str:
        """Return the address of a path.

        1. Without a slash first it is below the root.
        2. With one it is below where the root's own path begins, so that a proxy's prefix stays in front of it.
        3. Another origin of the vendor's counts only for the vendor's own addresses: a key for a proxy stays there.

        Args:
            base_url: the API's root, as `root_of` returns it.
            path: as of `KeyCheck.path`.
            origin: as of `KeyCheck.origin`.
        """
        if not path.startswith("/"):  # 1
            return f"{base_url}/{path}"
        if origin and self.is_home(base_url):  # 3
            return origin + path
        return base_url.removesuffix(self.path) + path  # 2


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


def read_table(text: str) -> tuple[External, ...]:
    """Read the text of a table of APIs. Raises TypeError or ValueError for a field that none has."""
    return tuple(_external(**row) for row in tomllib.loads(text)["provider"])


def _external(
    *,
    variables: Iterable[str],
    hosts: Iterable[str] = (),
    assumes: Iterable[str] = ("chat",),
    models: Iterable[str] = (),
    check: Mapping[str, Any] = _NOTHING,
    **rest: Any,
) -> External:
    listed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in check.items()}
    row = External(
        variables=tuple(variables),
        assumes=frozenset(Capability(name) for name in assumes),
        models=tuple(models),
        check=KeyCheck(**listed),
        **rest,
    )
    return replace(row, hosts=frozenset({urlsplit(row.base_url).hostname or "", *hosts}))


TABLE: Final = read_table(
    resources.files("batuta.catalog").joinpath("known", "providers.toml").read_text(encoding="utf-8")
)
_BY_ID: Final[Mapping[str, External]] = {row.id: row for row in TABLE}
_BY_HOST: Final[Mapping[str, External]] = {host: row for row in TABLE for host in row.hosts}


def preset_of(provider: Provider) -> External | None:
    """Return the API a provider is: by its preset, else by the host of its address; None: one we know nothing of."""
    if provider.preset:
        return _BY_ID.get(provider.preset)
    return api_at(provider.base_url)


def api_at(base_url: str) -> External | None:
    """Return the API whose host an address has; None: one we know nothing of."""
    return _BY_HOST.get(_host(base_url))


def owner_of(variable: str) -> External | None:
    """Return the API whose keys people keep in an environment variable; None: nobody's that we know."""
    return next((api for api in TABLE if variable in api.variables), None)


@cache
def _host(base_url: str) -> str:
    return urlsplit(base_url.strip()).hostname or ""


def seen_keys(environ: Mapping[str, str], table: Iterable[External] = TABLE) -> tuple[SeenKey, ...]:
    """Return the keys there are, in the table's order; of several for one API the first."""
    seen = ((api, next((name for name in api.variables if environ.get(name)), None)) for api in table)
    return tuple(SeenKey(api.id, api.name, variable, _provider(api, variable)) for api, variable in seen if variable)


def _provider(api: External, variable: str) -> Provider | None:
    if (kind := next((kind for kind in KINDS_OF.get(api.dialect, ()) if kind in kinds.KINDS), None)) is None:
        return None
    return Provider(api.id, kind, api.name, api.base_url, key_ref=f"env:{variable}", enabled=False, preset=api.id)
