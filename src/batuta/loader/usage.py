"""Who takes how much of each device's memory: the machine as a whole, and some processes. Asks /proc, psutil and NVML.

Knows nothing of budgets or bookings. Of the host's memory a process is counted with what only its end would give back:
pages of files that it has mapped, the weights of a GGUF among them, are the system's file cache, which counts as
available as it is.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from batuta.loader import memory
from batuta.loader.memory import HOST

_PROC: Final = Path("/proc")
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One look at a device. Bytes.

    Attributes:
        id: of the device, as `memory.Device` has it.
        total: what there is.
        taken: what is not available, whoever has it.
        models: model -> what its processes take; 0 for one of which nothing is seen here.
        engines: what the processes of other engines take; None: they cannot be told apart here.
    """

    id: str
    total: int
    taken: int
    models: Mapping[str, int] = field(default_factory=dict)
    engines: int | None = None


def look(models: Mapping[str, int], engines: Collection[str] = ()) -> tuple[DeviceUse, ...]:
    """Look at the host and every GPU. It reads many small files and asks the driver: call it in a thread.

    Args:
        models: model -> the process that holds it; whatever that one has started counts as well.
        engines: beginnings of the names of other engines' processes, in small letters; empty: none is looked for.
    """
    families = {model: (pid, *_below(pid)) for model, pid in models.items()}
    memory_now = psutil.virtual_memory()
    host = DeviceUse(
        HOST,
        int(memory_now.total),
        int(memory_now.total - memory_now.available),
        {model: sum(map(private_bytes, family)) for model, family in families.items()},
        _taken_by(engines) if engines else None,
    )
    return (host, *_gpus(families))


def private_bytes(pid: int) -> int:
    """Return the bytes of the host's memory that a process's end would give back; 0 when it is gone."""
    try:
        status = (_PROC / str(pid) / "status").read_bytes()
    except FileNotFoundError:
        return 0 if _PROC.is_dir() else _elsewhere(pid)
    except OSError:
        return 0
    return _KIB * sum(_field(status, name) for name in (b"RssAnon:", b"RssShmem:"))


def _elsewhere(pid: int) -> int:
    """Return the same for a system without /proc, as near as psutil comes to it."""
    with suppress(psutil.Error):
        info = psutil.Process(pid).memory_info()
        return int(getattr(info, "private", info.rss) - getattr(info, "shared", 0))
    return 0


def _field(status: bytes, name: bytes) -> int:
    _, found, rest = status.partition(b"\n" + name)
    return int(rest.split(maxsplit=1)[0]) if found else 0


def _below(pid: int) -> list[int]:
    """Return what a process has started, and what that has; nothing when it is gone."""
    with suppress(psutil.Error):
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    return []


def _taken_by(names: Collection[str]) -> int | None:
    """Return what processes with such names take of the host; None where there is none, or none that can be read."""
    found = [private_bytes(pid) for pid in _named(tuple(names))]
    return sum(found) or None


def _named(beginnings: tuple[str, ...]) -> Iterator[int]:
    for process in psutil.process_iter(["name"]):
        if str(process.info["name"] or "").lower().startswith(beginnings) and process.pid != os.getpid():
            yield process.pid


# --- GPUs ----------------------------------------------------------------------------------------------------------


def _gpus(families: Mapping[str, Collection[int]]) -> Iterator[DeviceUse]:
    nvml = memory.nvml()
    if nvml is None:
        return
    try:
        count = int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError:  # the driver was taken away
        return
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            whole = nvml.nvmlDeviceGetMemoryInfo(handle)
            held = _held(nvml, handle)
        except nvml.NVMLError:  # one broken card does not hide the others
            continue
        yield DeviceUse(
            f"cuda:{index}",
            int(whole.total),
            int(whole.total - whole.free),  # what the driver keeps for itself is taken, too
            {model: sum(held.get(pid, 0) for pid in family) for model, family in families.items()},
        )


def _held(nvml: Any, handle: Any) -> dict[int, int]:
    """Return process -> bytes, of those that the driver tells of; a container may see none, or other numbers."""
    try:
        running: Iterable[Any] = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return {}
    return {int(each.pid): int(each.usedGpuMemory or 0) for each in running}
