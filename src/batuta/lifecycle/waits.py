"""Writes into the stories of waited-for models what each waits for, once for each change of it. Pure.

Seconds and answers under way change all the time: a line is written when others are waited for, or for another reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batuta.lifecycle.forecast import Forecast, forecast
from batuta.lifecycle.words import sentence

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

WAITING: Final = "waiting for"


class WaitStories:
    """Remembers what each model's story said last of its wait."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def tell(self, lifecycle: Lifecycle, now: float) -> None:
        """Write what is new at `now` (monotonic seconds). Called when everything has come to rest."""
        outlook, told = lifecycle.outlook, self._told
        if told:
            for model in told.keys() - outlook.keys():
                del told[model]
        for model, wait in outlook.items():
            why = (wait.reason, wait.victims)
            if told.get(model) == why:
                continue
            told[model] = why
            if said := line(forecast(lifecycle, model, now), model):
                lifecycle.residencies[model].tell(now, said)

    def __repr__(self) -> str:
        return f"<WaitStories of {', '.join(self._told) or 'nobody'}>"


def line(found: Forecast, model: str) -> str:
    """Return a forecast as a line of a story: `waits for coder to finish 2 answers (about 6 s), then ...`."""
    said = sentence(found, model)
    if said.startswith(WAITING):
        return f"waits for{said.removeprefix(WAITING)}"
    return f"waits: {said}" if said else ""
