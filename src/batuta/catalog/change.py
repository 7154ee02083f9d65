"""What the catalog tells its listeners, what it asks of others, and what a person may set. Types only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from batuta.catalog.entities import ModelSpec, Provider, Role
from batuta.catalog.records import Described, Reported

Standing = Callable[[], tuple[Collection[str], int, Callable[[ModelSpec], float | None]]]
ListModels = Callable[[Provider], Awaitable[Sequence[Reported]]]
Describe = Callable[[Provider], Awaitable[Described | None]]


@dataclass(frozen=True, slots=True)
class Change:
    """What is different now.

    Attributes:
        added: models that were not in the catalog.
        changed: models of which something is different, or which are back.
        absent: models that are not seen any more; they keep their settings.
        removed: ids of models that a person forgot, or whose provider a person deleted.
        providers: ids of providers that came, went, were replaced, or changed between online and offline.
        defaults: who holds the roles that nobody gave, when that has changed.
    """

    added: tuple[ModelSpec, ...] = ()
    changed: tuple[ModelSpec, ...] = ()
    absent: tuple[ModelSpec, ...] = ()
    removed: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    defaults: Mapping[Role, str] | None = None


class ChoicePatch(TypedDict, total=False):
    """What a person may set about a model; see `records.Choices`."""

    pinned: bool
    ttl_s: float | None
    roles: frozenset[Role]
    enabled: bool
    name: str | None


Listener = Callable[[Change], None]
NOTHING = Change()
