"""Which engine serves which kind of provider. Other packages add theirs by the entry point group `batuta.engines`.

An entry point is named after its kind and gives a function like those in BUILT_IN. Knows no provider by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from batuta.catalog.entities import Provider
from batuta.engines.base import Engine
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.transport import Transport
from batuta.errors import BadSettings
from batuta.vault.secret import Secret

GROUP = "batuta.engines"


class Factory(Protocol):
    """Makes the engine of a provider."""

    def __call__(self, provider: Provider, transport: Transport, *, key: Secret | None = None) -> Engine:
        """Return the engine; opens nothing yet."""
        ...


BUILT_IN: Mapping[str, Factory] = {OpenAICompatEngine.kind: OpenAICompatEngine}
"""What comes with Batuta. `local_worker` is not here: its engine needs the loader, and there is one of it."""


def create(provider: Provider, transport: Transport, *, key: Secret | None = None) -> Engine:
    """Return the engine for a provider. Raises BadSettings for a kind that nobody offers."""
    known = kinds()
    if provider.kind not in known:
        offered = ", ".join(sorted(known))
        raise BadSettings(f"Provider {provider.id} is of the kind {provider.kind!r}, which no engine serves: {offered}")
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
    return found | {kind: _constant(factory) for kind, factory in BUILT_IN.items()}


def _constant(factory: Factory) -> Callable[[], Factory]:
    return lambda: factory


def _loaded(point: EntryPoint) -> Factory:
    try:
        factory: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise BadSettings(f"The engine {point.name!r} ({point.value}) cannot be loaded: {error}") from error
    return factory
