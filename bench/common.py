"""What every figure needs: facts of the machine, CPU accounting, percentiles, tables, goals, a JSON record.

Knows nothing of what is measured.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "batuta",
    "uvicorn",
    "uvloop",
    "httptools",
    "fastapi",
    "starlette",
    "aiohttp",
    "msgspec",
    "orjson",
    "xllamacpp",
)
NOISY = 0.08  # foreign CPU share above which a p99 says more about the neighbours than about us


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie, by nearest rank; nan when there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * (len(ordered) - 1))))]


def median(values: Sequence[float]) -> float:
    """Return the middle value (mean of the middle two); nan when there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


# --- CPU ---------------------------------------------------------------------------------------------------------


def process_cpu_s(pid: int) -> float:
    """Return CPU seconds of all threads of a process, as of the kernel's last tick (1-10 ms); 0 when it is gone."""
    total = 0
    try:
        for task in os.scandir(f"/proc/{pid}/task"):
            total += int(Path(task.path, "schedstat").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        total = 0
    if total:
        return total / 1e9
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def family(pid: int) -> list[int]:
    """Return the ids of a process and all its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.Error:
        return []


def rss_bytes(pid: int) -> int:
    """Return the resident set of one process in bytes; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def tree_rss_bytes(pid: int) -> int:
    """Return the resident sets of a process and all its descendants together; shared pages count in each."""
    return sum(map(rss_bytes, family(pid)))


def busy_s() -> float:
    """Return CPU seconds the whole machine has been busy with processes since it started, over all cores."""
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


@dataclass(slots=True)
class Meter:
    """CPU of named process trees, of this process and of everybody else between `start()` and `stop()`.

    Args:
        watch: name -> process id of the root of a tree.
    """

    watch: Mapping[str, int]
    used_s: dict[str, float] = field(default_factory=dict)
    own_s: float = 0.0
    foreign_share: float = 0.0
    seconds: float = 0.0
    _pids: dict[str, list[int]] = field(default_factory=dict)
    _before: dict[str, float] = field(default_factory=dict)
    _busy: float = 0.0
    _own: float = 0.0
    _started: float = 0.0

    def start(self) -> None:
        """Begin the window."""
        self._pids = {name: family(pid) for name, pid in self.watch.items()}
        self._before = {name: sum(map(process_cpu_s, pids)) for name, pids in self._pids.items()}
        self._busy, self._own, self._started = busy_s(), time.process_time(), time.perf_counter()

    def stop(self) -> None:
        """End the window and fill in the figures; foreign_share is a part (0..1) of all cores together."""
        self.seconds = time.perf_counter() - self._started
        self.own_s = time.process_time() - self._own
        busy = busy_s() - self._busy
        self.used_s = {
            name: max(0.0, sum(map(process_cpu_s, pids)) - self._before[name]) for name, pids in self._pids.items()
        }
        foreign = busy - self.own_s - sum(self.used_s.values())
        # The kernel counts in ticks: over a few milliseconds the share is coarse, and could leave its bounds.
        self.foreign_share = min(1.0, max(0.0, foreign / (self.seconds * (os.cpu_count() or 1))))


def foreign_now(seconds: float = 1.0) -> float:
    """Return the share (0..1) of all cores that others use, measured over that many seconds."""
    meter = Meter({})
    meter.start()
    time.sleep(seconds)
    meter.stop()
    return meter.foreign_share


# --- Facts -------------------------------------------------------------------------------------------------------


def _output(*argv: str) -> str:
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def commit() -> str:
    """Return the short id of the checked-out commit, with `+` when files differ from it; `unknown` outside git."""
    head = _output("git", "rev-parse", "--short=12", "HEAD")
    if not head or " " in head:
        return "unknown"
    return head + ("+" if _output("git", "status", "--porcelain") else "")


def installed(package: str) -> str | None:
    """Return the version of an installed package, None when it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine_facts() -> dict[str, str]:
    """Return what has to stand beside any figure: machine, system, versions, commit, time."""
    memory = psutil.virtual_memory().total / 2**30
    facts = {
        "machine": f"{os.cpu_count()} cores, {_cpu_name()}, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name))),
        "commit": commit(),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
    if nginx := _output("nginx", "-v"):
        facts["nginx"] = nginx.rpartition("/")[2]
    return facts


# --- Output ------------------------------------------------------------------------------------------------------


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure as text; `-` for one that was not measured."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.{digits}f}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: aligned for the terminal, ready to be pasted into the docs."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join([f"\n{title}\n", line(columns), rule, *map(line, rows)])


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one figure.

    Attributes:
        figure: what is bounded, in words, with its unit.
        measured: the figure, None when it was not measured.
        bounds: level -> bound (`now`, `release`, `stretch`).
        is_floor: the figure has to be at least the bound, not at most.
    """

    figure: str
    measured: float | None
    bounds: Mapping[str, float]
    is_floor: bool = False
    digits: int = 2

    def verdict(self, level: str) -> str:
        """Return `5.00 reached`, `5.00 FALLS SHORT`, or the bound alone when nothing was measured."""
        bound = self.bounds.get(level)
        if bound is None:
            return "-"
        text = f"{'>=' if self.is_floor else '<='} {number(bound, self.digits)}"
        if self.measured is None or math.isnan(self.measured):
            return text
        is_reached = self.measured >= bound if self.is_floor else self.measured <= bound
        return f"{text} {'reached' if is_reached else 'FALLS SHORT'}"

    def falls_short(self, level: str) -> bool:
        """Tell whether the figure was measured and misses the bound of that level."""
        return self.verdict(level).endswith("FALLS SHORT")


def goals_table(goals: Sequence[Goal]) -> str:
    """Return goals and figures side by side."""
    levels = list(dict.fromkeys(level for goal in goals for level in goal.bounds))
    rows = [
        [goal.figure, number(goal.measured, goal.digits), *(goal.verdict(level) for level in levels)] for goal in goals
    ]
    return table("## Goals", ["figure", "measured", *levels], rows)


def print_head(title: str) -> dict[str, str]:
    """Print the title and the facts; return the facts for the record."""
    facts = machine_facts()
    print(f"# {title}\n")
    for name, value in facts.items():
        print(f"- {name}: {value}")
    sys.stdout.flush()
    return facts


def write_record(path: Path | None, record: Mapping[str, Any]) -> None:
    """Write everything that was measured as JSON, when a path was given."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    print(f"\nrecord: {path}")
