"""What a request wants of whoever answers it, beyond the name it gave. Frozen facts; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from batuta.catalog.entities import Capability, ModelSpec

MOST_NAMES = 8  # in a caller's own list; nobody waits for more


class Policy(StrEnum):
    """Who may stand in for a model."""

    SAME_OR_SMALLER_COST = "same-or-smaller-cost"
    LOCAL_ONLY = "local-only"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller says about who may answer.

    Attributes:
        allow_fallback: its word on others; None: by the name: a virtual one, or a list of its own, allows them.
        models: its own list of names, the best first; the request's `model` goes before them.
        policy: what holds for those that stand in; None: nothing.
        local_only: no byte may leave this machine.
    """

    allow_fallback: bool | None = None
    models: tuple[str, ...] = ()
    policy: Policy | None = None
    local_only: bool = False


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Asks:
    """What is in the request that not every model can take.

    Attributes:
        capabilities: beyond the kind of answer: tools, images, reasoning.
        context: tokens that the conversation has at least, as a low guess.
    """

    capabilities: frozenset[Capability] = frozenset()
    context: int = 0


NO_ASKS = Asks()


def no_asks() -> Asks:
    """Return that the request has nothing out of the ordinary in it."""
    return NO_ASKS


@dataclass(frozen=True, slots=True)
class House:
    """What is true of models, and known by others than the catalog.

    Attributes:
        stays_here: whether a model answers without a byte leaving this machine.
        price_of: what a model costs, in any unit that is the same for all; None: nobody knows.
    """

    stays_here: Callable[[ModelSpec], bool] = lambda spec: spec.is_local
    price_of: Callable[[ModelSpec], float | None] = lambda spec: 0.0 if spec.is_local else None


PLAIN_HOUSE = House()
