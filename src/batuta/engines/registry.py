"""Which engine serves which kind of provider. Other packages add theirs by the entry point group `batuta.engines`.

An entry point is named after its kind and gives a class like those of the table `batuta.kinds.KINDS`. An engine's
module is imported when its kind is first used: a start pays for none of them. Knows no provider by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from batuta.catalog.entities import Provider
from batuta.engines.base import Engine
from batuta.engines.transport import Transport
from batuta.errors import BadSettings
from batuta.kinds import GROUP, KINDS
from batuta.vault.secret import Secret


class Factory(Protocol):
    """Makes the engine of a provider."""

    def __call__(self, provider: Provider, transport: Transport, *, key: Secret | None = None) -> Engine:
        """Return the engine; opens nothing yet."""
        ...


def create(provider: Provider, transport: Transport, *, key: Secret | None = None) -> Engine:
    """Return the engine for a provider. Raises BadSettings for a kind that nobody offers."""
    known = kinds()
    if provider.kind not in known:
        offered = ", ".join(sorted(known))
        raise BadSettings(f"Provider {provider.id} is of the kind {provider.kind!r}, which no engine serves: {offered}")
    transport.reach.permit(provider)
    return known[provider.kind]()(provider, transport, key=key)


@cache
def kinds() -> dict[str, Callable[[], Factory]]:
    """Return how to get the factory of each kind; a package is imported when its kind is first used."""
    return find(entry_points(group=GROUP))


def find(points: Iterable[EntryPoint]) -> dict[str, Callable[[], Factory]]:
    """Return the factories of the built-in kinds and of entry points. A built-in kind is never replaced."""

    def from_point(point: EntryPoint) -> Callable[[], Factory]:
        return lambda: _loaded(point)

    found: dict[str, Callable[[], Factory]] = {point.name: from_point(point) for point in points}
    return found | {kind: _built_in(kind, row.module) for kind, row in KINDS.items() if row.module}


def _built_in(kind: str, module: str) -> Callable[[], Factory]:
    return lambda: engine_of(module, kind)


@cache
def engine_of(module: str, kind: str) -> Factory:
    """Import a module and return the class in it that serves the kind. Raises BadSettings when there is none."""
    try:
        found = import_module(module)
    except ImportError as error:
        raise BadSettings(f"The engine {kind!r} ({module}) cannot be loaded: {error}") from error
    for each in vars(found).values():
        if isinstance(each, type) and each.__module__ == module and getattr(each, "kind", None) == kind:
            return cast("Factory", each)
    raise BadSettings(f"The engine {kind!r} ({module}) cannot be loaded: no class there is of that kind")


def _loaded(point: EntryPoint) -> Factory:
    try:
        factory: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise BadSettings(f"The engine {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    return factory
