"""How much memory models may take on a device, and how much of it others have. Pure: knows no process and no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batuta.loader.memory import HOST, Device
from batuta.loader.usage import DeviceUse
from batuta.settings import Settings

LEAST_CHANGE: Final = 256_000_000  # bytes; browsers come and go by that much
LEAST_SHARE: Final = 0.02  # of the device


def budget_of(device: Device, settings: Settings) -> int:
    """Return the bytes that models may take on a device of which no more is known than its size.

    What a GPU has, or what is available of the host's memory now, less the margin; a setting is never exceeded.
    """
    has = device.free_bytes if device.id == HOST else device.total_bytes
    return within(settings, device.id, less_margin(has, settings.memory.margin))


def within(settings: Settings, device: str, there: int) -> int:
    """Return the bytes that are there, or the setting's where those are less: it is a bound, not a promise."""
    limit = settings.memory.limit(device)
    return there if limit is None else min(limit, there)


def less_margin(has: int, margin: int) -> int:
    """Return bytes less the margin, but never less than half: on a small machine the margin must not be everything."""
    return max(has - margin, has // 2, 0)


def tolerance(total: int) -> int:
    """Return by how many bytes what others take of a device of that size may change before it is worth a word."""
    return max(LEAST_CHANGE, int(total * LEAST_SHARE))


def foreign(use: DeviceUse, booked: Mapping[str, int], elsewhere: Mapping[str, int]) -> int:
    """Return the bytes of a device that others have taken: everything that is taken and that nobody has booked.

    1. A model that the loader holds and that is booked here counts with what its processes take, up to its booking:
       more than that is in no book. Where nothing is seen of it (a container hides who uses a GPU), its booking counts.
    2. One booked on another device takes here what no book knows: PyTorch's own memory beside a GPU, for example.
    3. One booked nowhere has just been found, or is leaving: it is ours.
    4. The models of other engines on this machine are booked too, and their processes are seldom ours to know. Where
       those can be told by their names, what they take counts up to the bookings; else the bookings do. Counted twice,
       as booked and as foreign, each such model would drive the next one out.

    Args:
        use: what a look at the device saw.
        booked: model -> bytes, on this device.
        elsewhere: the same, of all other devices.
    """
    ours = 0
    for model, seen in use.models.items():
        if model in booked:  # 1
            ours += min(seen, booked[model]) if seen else booked[model]
        elif model not in elsewhere:  # 2, 3
            ours += seen
    theirs = sum(held for model, held in booked.items() if model not in use.models)  # 4
    if use.engines is not None:
        theirs = min(theirs, use.engines)
    return max(0, use.taken - ours - theirs)
