"""Writes into the stories of waited-for models what each waits for, once for each change of it. Pure.

Seconds and answers under way change all the time: a line is written when another model is waited for, or for another
reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batuta.lifecycle.forecast import Forecast, StepKind, forecast
from batuta.lifecycle.states import ModelState
from batuta.lifecycle.words import sentence

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

WAITING: Final = "waiting for"
AWAY: Final = frozenset({ModelState.ABSENT, ModelState.ASLEEP})  # what else they do, their states tell
Reasons = tuple[tuple[StepKind, str], ...]


class WaitStories:
    """Remembers what each model's story said last of its wait."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, Reasons] = {}

    def tell(self, lifecycle: Lifecycle, now: float) -> None:
        """Write what is new at `now` (monotonic seconds). Called when everything has come to rest."""
        waiting = lifecycle.waiting.models()
        if self._told:
            for model in self._told.keys() - set(waiting):
                del self._told[model]
        for model in waiting:
            residency = lifecycle.residencies[model]
            if residency.state not in AWAY or residency.is_settling:
                continue
            found = forecast(lifecycle, model, now)
            reasons = _reasons(found, model)
            if reasons and reasons != self._told.get(model):
                residency.tell(now, line(found, model))
            self._told[model] = reasons

    def __repr__(self) -> str:
        return f"<WaitStories of {', '.join(self._told) or 'nobody'}>"


def _reasons(found: Forecast, model: str) -> Reasons:
    return tuple((step.kind, step.model) for step in found.steps if step.model != model)


def line(found: Forecast, model: str) -> str:
    """Return a forecast as a line of a story: `waits for coder to finish 2 answers (about 6 s), then ...`."""
    said = sentence(found, model)
    return f"waits for{said.removeprefix(WAITING)}" if said.startswith(WAITING) else f"waits: {said}"
