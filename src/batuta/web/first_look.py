"""Waits for what is read after the port has opened: until then a model is not unknown, nor a key missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from batuta.clock import Clock

if TYPE_CHECKING:
    from batuta.web.services import Services

FIRST_LOOK_S = 10.0  # a tenth of a second as a rule; thousands of new files on a slow disk take longer
KEYS_S = 5.0  # a keyring may ask a person for its password; who waits for a key is told so after this
STEP_S = 0.02


async def first_look(services: Services) -> None:
    """Return when the catalog knows what there is and the keys are read, at once as a rule; not later than it takes."""
    await _until(lambda: services.catalog.is_started, services.clock, FIRST_LOOK_S)
    await keys_read(services)


async def keys_read(services: Services) -> None:
    """Return when it is known which keys are stored, and whether they can be opened; or after `KEYS_S` seconds."""
    await _until(lambda: services.keys.is_read, services.clock, KEYS_S)


async def _until(is_so: Callable[[], bool], clock: Clock, seconds: float) -> None:
    until = clock.monotonic() + seconds
    while not is_so() and clock.monotonic() < until:
        await clock.sleep(STEP_S)
