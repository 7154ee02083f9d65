"""Waits for the catalog's first look: the port opens before it, and a model must not be unknown in that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batuta.web.services import Services

FIRST_LOOK_S = 10.0  # a tenth of a second as a rule; thousands of new files on a slow disk take longer
STEP_S = 0.02


async def first_look(services: Services) -> None:
    """Return when the catalog knows what there is, at once as a rule, or after `FIRST_LOOK_S` seconds."""
    until = services.clock.monotonic() + FIRST_LOOK_S
    while not services.catalog.is_started and services.clock.monotonic() < until:
        await services.clock.sleep(STEP_S)
