"""How much memory the machine has and a process takes. Asks psutil and NVML; knows nothing of models or llama.cpp."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from batuta.catalog.entities import MemoryNeed
from batuta.loader.gguf import GGUFInfo

HOST = "host"
MIB = 1 << 20
PROCESS = 48 * MIB  # Python with llama.cpp and a tiny model measures 44 MB
UBATCH = 512  # tokens computed at once; the compute buffers grow with it
STATES = 24  # hidden states of a ubatch alive at the same time, at most, in the graphs we measured


@dataclass(frozen=True, slots=True)
class Device:
    """Something that holds models. `kind` is host | cuda | rocm | metal | vulkan; sizes in bytes."""

    id: str
    name: str
    kind: str
    total_bytes: int
    free_bytes: int


def devices() -> tuple[Device, ...]:
    """Return the host's memory and every GPU that NVML reports. Quick enough to be called each second."""
    memory = psutil.virtual_memory()
    return (Device(HOST, "RAM", "host", int(memory.total), int(memory.available)), *_gpus())


def available_bytes() -> int:
    """Return the bytes of the host's memory that could be had without swapping."""
    return int(psutil.virtual_memory().available)


def free_gpu_bytes() -> dict[str, int]:
    """Return the free bytes of every GPU that NVML reports, by its id."""
    return {each.id: each.free_bytes for each in _gpus()}


def estimate(info: GGUFInfo) -> MemoryNeed:
    """Return what the model will take, from its header: weights, cache for a token, buffers and process.

    With a unified cache the slots share the context, so the whole is `total(context, slots=1)`.
    """
    buffers = UBATCH * 4 * (info.vocabulary + STATES * info.embedding_length)
    return MemoryNeed(weights=info.tensor_bytes, kv_per_token=info.kv_per_token, overhead=PROCESS + buffers)


def resident_bytes(pid: int) -> int:
    """Return what a process holds where it computes; 0 when it is gone.

    That is its GPU memory if it has any, else its resident set. They are not added up: a model is booked on one device,
    and what CUDA and PyTorch keep beside it in the host's memory would make a 13 GB model too large for its card.
    """
    return _held_by([pid])


def bytes_below(pid: int) -> int:
    """Return what everything that a process has started holds, without the process itself; 0 when it is gone."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return 0
    return _held_by([each.pid for each in below])


def _held_by(pids: Sequence[int]) -> int:
    return sum(map(_gpu_bytes, pids)) or sum(map(host_bytes, pids))


def host_bytes(pid: int) -> int:
    """Return what a process holds in the host's memory, whatever it computes on; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How much a process has taken in, by three ways of counting. Bytes since it began."""

    read: int
    read_calls: int
    resident: int

    def since(self, start: Reading) -> int:
        """Return the bytes of a model file taken in since `start`, whichever way they came.

        A cold file read through calls shows in all three; a mapped one in `read` (cold) and `resident`; one that is
        in the page cache already in `read_calls` or `resident` only.
        """
        return max(self.read - start.read, self.read_calls - start.read_calls, self.resident - start.resident, 0)


def reading(pid: int) -> Reading | None:
    """Return the process's counts, or None when it is gone."""
    if os.name == "posix" and (counts := _linux_io(pid)) is not None:
        return counts
    with suppress(psutil.Error, AttributeError, NotImplementedError):
        process = psutil.Process(pid)
        read = 0
        with suppress(AttributeError, psutil.Error):
            read = int(process.io_counters().read_bytes)
        return Reading(read, read, int(process.memory_info().rss))
    return None


def _linux_io(pid: int) -> Reading | None:
    try:
        fields = dict(line.split(b": ") for line in Path(f"/proc/{pid}/io").read_bytes().splitlines())
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return Reading(int(fields[b"read_bytes"]), int(fields[b"rchar"]), pages * os.sysconf("SC_PAGESIZE"))


# --- NVML --------------------------------------------------------------------------------------------------------

_nvml: list[Any] = []  # the module once it has been initialised, or None when there is no NVIDIA driver


def nvml() -> Any:
    """Return NVIDIA's management library, ready to be asked; None where there is no driver."""
    if not _nvml:
        _nvml.append(_start_nvml())
    return _nvml[0]


def _start_nvml() -> Any:
    # Imported at first use: without an NVIDIA driver it costs every start of the loader and gives nothing.
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _gpus() -> list[Device]:
    driver = nvml()
    if driver is None:
        return []
    found = []
    for index in range(driver.nvmlDeviceGetCount()):
        try:
            handle = driver.nvmlDeviceGetHandleByIndex(index)
            memory = driver.nvmlDeviceGetMemoryInfo(handle)
            name = driver.nvmlDeviceGetName(handle)
        except driver.NVMLError:  # one broken card does not hide the others
            continue
        text = name.decode() if isinstance(name, bytes) else str(name)
        found.append(Device(f"cuda:{index}", text, "cuda", int(memory.total), int(memory.free)))
    return found


def _gpu_bytes(pid: int) -> int:
    return sum(gpu_bytes(pid).values())


def gpu_bytes(pid: int) -> dict[str, int]:
    """Return what a process holds on each GPU, by the GPU's id, where it holds any.

    Inside a container NVML may count processes by other numbers: then it is empty.
    """
    held: dict[str, int] = {}
    driver = nvml()
    if driver is None:
        return held
    for index in range(driver.nvmlDeviceGetCount()):
        try:
            handle = driver.nvmlDeviceGetHandleByIndex(index)
            running = driver.nvmlDeviceGetComputeRunningProcesses(handle)
        except driver.NVMLError:
            continue
        if count := sum(int(each.usedGpuMemory or 0) for each in running if each.pid == pid):
            held[f"cuda:{index}"] = count
    return held
