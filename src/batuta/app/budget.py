"""How much memory models may take on a device. Pure."""

from __future__ import annotations

from batuta.loader.memory import HOST, Device
from batuta.settings import Settings


def budget_of(device: Device, settings: Settings) -> int:
    """Return the bytes that models may take on a device.

    The setting, if there is one; else what a GPU has, or what is available of the host's memory now, less the
    margin, but never less than half of it: on a small machine the margin must not be everything.
    """
    if settings.memory.budget is not None:
        return settings.memory.budget
    has = device.free_bytes if device.id == HOST else device.total_bytes
    return max(has - settings.memory.margin, has // 2)
