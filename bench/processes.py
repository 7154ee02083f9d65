"""Starts, pins and ends the processes that a figure needs; ends only what it started, by id.

Knows nothing of what the processes do, but for the one line in which they say where they listen.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

from bench.common import ROOT

STOP_S = 8.0  # a gateway drains for a few seconds before it goes


class NotStarted(Exception):
    """A process ended, or stayed silent, before it said that it listens."""


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run the block, and what it starts, on one core; None, or a core that is not ours, leaves things as they are."""
    if not hasattr(os, "sched_setaffinity") or core is None or core not in (own := os.sched_getaffinity(0)):
        yield
        return
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def free_port() -> int:
    """Return a loopback port that was free a moment ago, for programs that cannot pick one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, timeout_s: float, process: Process | None = None) -> float:
    """Return the moment (perf_counter) at which the loopback port first took a connection.

    Raises:
        NotStarted: it did not within `timeout_s`, or the process ended first.
    """
    deadline = time.perf_counter() + timeout_s
    while time.perf_counter() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return time.perf_counter()
        if process is not None and not process.is_alive:
            raise NotStarted(f"{process.name} ended with status {process.status}: {process.tail()}")
        time.sleep(0.002)
    raise NotStarted(f"nothing listens on port {port} after {timeout_s:g} s")


class Process:
    """One process of ours, its log file and its descendants.

    Args:
        name: what reports call it.
        argv: the command.
        folder: where its log is written.
        core: the core it and its children run on; None: any.
        environ: its whole environment; None: ours.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        folder: Path,
        core: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.started = time.perf_counter()
        self._log = (folder / f"{name}.log").open("w+", encoding="utf-8", errors="replace")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with pinned(core):
            self._popen = subprocess.Popen(
                list(argv),
                cwd=ROOT,
                env=None if environ is None else dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                bufsize=1,
            )
        # A pipe that nobody reads stops its writer; the thread ends with the process.
        threading.Thread(target=self._drain, name=f"{name} output", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        return self._popen.poll()

    @property
    def is_alive(self) -> bool:
        """It has not ended."""
        return self._popen.poll() is None

    def read_line(self, *, timeout_s: float) -> str:
        """Return the next line of its output.

        Raises:
            NotStarted: none came in time, or it ended.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise NotStarted(f"{self.name} said nothing within {timeout_s:g} s: {self.tail()}") from None
        if line is None:
            raise NotStarted(f"{self.name} ended with status {self._popen.wait(STOP_S)}: {self.tail()}")
        return line

    def _drain(self) -> None:
        with suppress(ValueError):  # the pipe was closed by stop()
            for line in self._popen.stdout or ():
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def read_json(self, *, timeout_s: float) -> dict[str, Any]:
        """Return the next line of its output, which is one JSON object."""
        line = self.read_line(timeout_s=timeout_s)
        found: dict[str, Any] = json.loads(line)
        return found

    def tail(self, size: int = 800) -> str:
        """Return the end of what it wrote to its error output."""
        self._log.flush()
        text = _read_all(self._log)
        return text[-size:].strip() or "(no message)"

    def stop(self) -> None:
        """End it and its descendants: politely, then not."""
        # Looked for until it has ended: it may start a process after it was told to go.
        descendants = self._descendants()
        self._popen.terminate()
        deadline = time.perf_counter() + STOP_S
        while self.is_alive and time.perf_counter() < deadline:
            descendants |= self._descendants()
            time.sleep(0.02)
        if self.is_alive:
            self._popen.kill()
        self._popen.wait(STOP_S)
        end_all(list(descendants))
        self._log.close()

    def _descendants(self) -> set[psutil.Process]:
        try:
            return set(psutil.Process(self.pid).children(recursive=True))
        except psutil.Error:
            return set()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def end_all(processes: Sequence[psutil.Process]) -> None:
    """End these processes (psutil checks that an id still means the same process)."""
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=3)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=3)


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def _read_all(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
