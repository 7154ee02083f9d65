"""Parks a model that is ready and wakes it: its process stays, its weights leave the device and come back.

What that means is the process's own matter; here is what the loader's table says of it and what goes wrong. Knows no
engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from batuta.errors import Cause, ModelFailed
from batuta.loader import memory
from batuta.loader.child import Child, NotDone

if TYPE_CHECKING:
    from batuta.loader.host import Record

PARK_S: Final = 75.0  # the process itself gives answers under way 60 s
NO_MEMORY: Final = "out of memory"

Tell = Callable[["Record"], None]


def can_park(record: Record) -> bool:
    """Whether the model is there and its process can park it."""
    return record.state == "ready" and isinstance(record.child, Child) and record.child.parks


def observe(record: Record) -> None:
    """Look at what the process holds in RAM: all there is of a parked model, a copy of one on a GPU."""
    if not isinstance(record.child, Child) or not record.child.parks:
        return
    held = memory.host_bytes(record.pid)
    if record.state == "parked":
        record.memory_bytes = held or record.memory_bytes
    elif record.memory_bytes != held:
        record.host_bytes = held


async def park(record: Record, tell: Tell) -> dict[str, Any]:
    """Have the process free its device; return what it says of it: `device_bytes` that it holds there still.

    Raises:
        ModelFailed: it stays where it is, or it is gone.
    """
    record.moved = asyncio.get_running_loop().create_future()
    _enter(record, "parking", tell)
    try:
        told = await _child(record).order("park", within_s=PARK_S)
    except NotDone as why:
        if record.state == "parking":
            _enter(record, "ready", tell)
        raise ModelFailed(f"{record.id} was not parked: {why}", model=record.id, cause=Cause.UNKNOWN) from None
    finally:
        record.moved.set_result(None)
    if record.state == "parking":  # nobody has unloaded it meanwhile
        record.memory_bytes, record.host_bytes = memory.host_bytes(record.pid) or record.memory_bytes, 0
        _enter(record, "parked", tell)
    return told


async def wake(record: Record, tell: Tell, *, within_s: float) -> None:
    """Have the process bring its weights back; tell those who wait for `record.loaded`.

    Where there is no room the model stays parked, and they get the reason.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await _child(record).order("wake", within_s=within_s)
    except NotDone as why:
        if record.state == "loading":
            _enter(record, "parked", tell)
        record.loaded.set_exception(_not_woken(record, str(why)))
        record.loaded.exception()  # seen: nobody may be waiting any more
        return
    record.seconds = loop.time() - began
    if record.state == "loading":
        record.memory_bytes = _child(record).memory_bytes() or record.memory_bytes
        record.stage, record.progress = "ready", 1.0
        _enter(record, "ready", tell)
        observe(record)
    record.loaded.set_result(None)


def begin_to_wake(record: Record, tell: Tell) -> None:
    """Show a parked model as one that is being loaded; `wake` has to follow."""
    record.loaded = asyncio.get_running_loop().create_future()
    record.stage, record.progress = "reading", None
    _enter(record, "loading", tell)


def _enter(record: Record, state: str, tell: Tell) -> None:
    record.state = state
    tell(record)


def _child(record: Record) -> Child:
    if not isinstance(record.child, Child):
        raise TypeError(f"{record.id} has no process that could park it")
    return record.child


def _not_woken(record: Record, why: str) -> ModelFailed:
    is_memory = NO_MEMORY in why.lower()
    hint = ". Unload something that is on its device" if is_memory else ""
    return ModelFailed(
        f"{record.id} was not woken and stays parked: {why}{hint}",
        model=record.id,
        cause=Cause.OUT_OF_MEMORY if is_memory else Cause.UNKNOWN,
    )
