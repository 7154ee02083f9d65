"""How long a model will be waited for, and what for, step by step. Pure; reads the lifecycle, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batuta.catalog.entities import Tier


class StepKind(StrEnum):
    """What has to happen before a waited-for model answers."""

    TURN = "turn"  # `model` is waited for by somebody whose turn is earlier
    FINISH = "finish"  # `model` finishes `answers` answers
    PATIENCE = "patience"  # `model`, busy, is left alone until it has had its time
    UNLOAD = "unload"  # `model` leaves memory
    LOAD = "load"  # `model` is loaded, from `tier`
    REST = "rest"  # `model` failed and rests before its next try
    SLOT = "slot"  # one of the model's own slots becomes free; `answers` go before


@dataclass(frozen=True, slots=True)
class Step:
    """One of the things that are waited for.

    Attributes:
        kind: what it is.
        model: whose step it is.
        seconds: how long it will take from its beginning; None: nobody knows.
        answers: how many answers are finished in it (FINISH, SLOT).
        tier: from where it is loaded (LOAD).
    """

    kind: StepKind
    model: str
    seconds: float | None = None
    answers: int = 0
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a request for a model would begin to be answered.

    Attributes:
        steps: in their order; empty: at once.
        seconds: for all of them; None where one is not known.
        position: the place among the models that are waited for, 1 being the next; None: nobody waits for it.
    """

    steps: tuple[Step, ...] = ()
    seconds: float | None = 0.0
    position: int | None = None
