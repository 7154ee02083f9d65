"""Who takes how much of each device: the host's from /proc, a GPU's from a driver that is made up here."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batuta.loader import memory, usage

GB = 10**9
MB = 1 << 20


class Driver:
    """NVML with two cards, of which one may be broken."""

    class NVMLError(Exception):
        """How it says no."""

    def __init__(self) -> None:
        self.used = [3 * GB, 9 * GB]
        self.running: list[list[tuple[int, int | None]]] = [[], []]
        self.broken: set[int] = set()
        self.is_silent = False

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  # its names
        return len(self.used)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index in self.broken:
            raise self.NVMLError
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=16 * GB, free=16 * GB - self.used[handle])

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802
        return f"card {handle}".encode()

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        if self.is_silent:
            raise self.NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.running[handle]]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(memory, "_nvml", [made])
    return made


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_nvml", [None])


def test_each_card_tells_what_is_taken_and_by_which_model(driver: Driver) -> None:
    """A model counts with its process on the card where that is; on the other with nothing."""
    driver.running = [[(os.getpid(), 2 * GB), (1, GB)], [(os.getpid(), None)]]
    _, first, second = usage.look({"m": os.getpid()})
    assert (first.id, first.total, first.taken, dict(first.models)) == ("cuda:0", 16 * GB, 3 * GB, {"m": 2 * GB})
    assert (second.id, second.taken, dict(second.models)) == ("cuda:1", 9 * GB, {"m": 0})


def test_a_driver_that_hides_processes_still_tells_what_is_taken(driver: Driver) -> None:
    """As it is in many containers."""
    driver.is_silent = True
    _, first, _ = usage.look({"m": os.getpid()})
    assert (first.taken, dict(first.models)) == (3 * GB, {"m": 0})


def test_a_broken_card_does_not_hide_the_others(driver: Driver) -> None:
    """It has no look of its own."""
    driver.broken = {0}
    assert [use.id for use in usage.look({})] == ["host", "cuda:1"]


@pytest.mark.usefixtures("no_driver")
def test_without_a_driver_there_is_the_host() -> None:
    """What is taken of it is what is not available."""
    (host,) = usage.look({})
    assert host.id == "host"
    assert 0 < host.taken < host.total


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_a_mapped_file_is_the_systems_cache_and_private_memory_is_not(tmp_path: Path) -> None:
    """The weights of a GGUF are mapped: they count as available already, and would be counted twice."""
    file = tmp_path / "weights"
    file.write_bytes(b"x" * (64 * MB))
    before = usage.private_bytes(os.getpid())
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[at] for at in range(0, len(mapped), 4096)) > 0
        with_map = usage.private_bytes(os.getpid())
        kept = bytearray(b"y" * (48 * MB))
        with_both = usage.private_bytes(os.getpid())
    assert with_map - before < 16 * MB
    assert 40 * MB < with_both - with_map < 120 * MB
    assert kept


@pytest.mark.usefixtures("no_driver")
def test_what_a_models_process_has_started_counts_with_it() -> None:
    """The server of a command of one's own is below the process that watches it."""
    hold = "kept = b'z' * (60 << 20); print(len(kept), flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        (host,) = usage.look({"m": process.pid})
        process.stdin.write(b"\n")
    assert host.models["m"] > 60 * MB


@pytest.mark.usefixtures("no_driver")
def test_a_process_that_is_gone_takes_nothing() -> None:
    """It ended between the question and the look."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    (host,) = usage.look({"m": process.pid})
    assert host.models == {"m": 0}


@pytest.mark.usefixtures("no_driver")
def test_other_engines_are_found_by_the_beginnings_of_their_names() -> None:
    """None found: nobody can say what they take."""
    name = Path(f"/proc/{os.getppid()}/comm").read_text().strip().lower() if Path("/proc").is_dir() else "init"
    assert usage.look({}, (name,))[0].engines
    assert usage.look({}, ("no such program",))[0].engines is None
    assert usage.look({})[0].engines is None


def test_a_model_is_measured_where_it_computes(driver: Driver) -> None:
    """A card's memory is not added to the host's beside it: a 13 GB model would be too large for its card."""
    driver.running = [[(os.getpid(), 13 * GB)], []]
    assert memory.resident_bytes(os.getpid()) == 13 * GB
    driver.running = [[], []]
    assert MB < memory.resident_bytes(os.getpid()) < 13 * GB
