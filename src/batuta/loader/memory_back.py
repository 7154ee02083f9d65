"""Waits until the memory of a model that has left is seen to be free again. Knows nothing of models or processes.

The host's memory is back when the process is gone, for the kernel frees it first. A GPU's driver may take a while
longer, and a load that is booked on memory that is not there yet fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from batuta.clock import Clock

SHARE: Final = 0.75  # of what was held; others may take some of it in the same moment
EVERY_S: Final = 0.25
LONGEST_S: Final = 5.0

Look = Callable[[], Awaitable[Mapping[str, int]]]
"""Returns the free bytes of each device, now."""


@dataclass(frozen=True, slots=True)
class MemoryBack:
    """How the memory came back.

    Attributes:
        seconds: from the end of the process until it was seen, or until it was given up.
        missing: device -> (bytes that were held, bytes seen to be free again), of devices that fell short.
    """

    seconds: float
    missing: Mapping[str, tuple[int, int]]

    @property
    def note(self) -> str:
        """What did not come back, in words; empty when all did."""
        parts = [
            f"{back / 1e9:.1f} of {held / 1e9:.1f} GB on {device}" for device, (held, back) in self.missing.items()
        ]
        return f"after {self.seconds:.1f} s only {', '.join(parts)} had come back" if parts else ""


async def until_back(held: Mapping[str, int], before: Mapping[str, int], *, look: Look, clock: Clock) -> MemoryBack:
    """Return once 75 % of what was held is free on each device, or after 5 s.

    Args:
        held: device -> bytes that the model held there; a device that is not named is not looked at.
        before: free bytes of each device while it held them.
        look: how to see what is free now.
        clock: for the pauses.
    """
    began = clock.monotonic()
    missing = {device: (count, 0) for device, count in held.items() if count > 0}
    while missing:
        free = await look()
        for device, (count, _) in list(missing.items()):
            back = max(free.get(device, 0) - before.get(device, 0), 0)
            missing[device] = (count, back)
            if device not in free or back >= SHARE * count:  # a device that is gone gives nothing back
                del missing[device]
        if not missing or clock.monotonic() - began >= LONGEST_S:
            break
        await clock.sleep(EVERY_S)
    return MemoryBack(clock.monotonic() - began, missing)
