"""A model load through the whole stack (gateway, loader, child) beside llama.cpp alone on the same file.

Both begin with no process for the model: the stack from the request to load until it says ready, llama.cpp from the
start of its process until its listener is healthy. Runs are interleaved in a random (seeded) order.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batuta.cli.client import GatewayClient, model_path
from batuta.cli.record import read_record
from batuta.errors import BatutaError
from batuta.setting_types import parse_size
from batuta.settings import EngineSettings
from bench.common import Goal, foreign_now, goals_table, median, number, print_head, table, write_record
from bench.processes import NotStarted, Process, python
from bench.targets import batuta_environ, batuta_program, batuta_settings, listening_port

LIMIT_S = 180.0
READ_BYTES = 1 << 24
GOAL = 1.15


def model_file(cache: Path, size: int) -> Path:
    """Return a loadable random model of about that many bytes, made on first use and kept."""
    from batuta.testing.gguf import random_gguf  # needs numpy, which the other commands do without

    folder = cache / f"load-{size}"
    path = folder / "bench-load.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "unfinished"  # no `.gguf` at its end: nobody takes it for a model
        random_gguf(part, size).replace(path)
    return path


def warm(path: Path) -> None:
    """Bring the whole file into the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass


def chill(path: Path) -> None:
    """Ask the system to take the file out of the page cache; it does so for pages that nobody has mapped."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def load_alone(path: Path, folder: Path, engine: EngineSettings | None = None) -> dict[str, float]:
    """Load with llama.cpp alone in a fresh process; return seconds: start to ready, import, constructor."""
    engine = engine or EngineSettings()
    command = python("bench.alone", str(path), "--context", str(engine.context_length))
    command += ["--slots", str(engine.slots), "--gpu-layers", str(engine.gpu_layers), "--threads", str(engine.threads)]
    with Process("alone", command, folder=folder) as process:
        imported = process.read_json(timeout_s=LIMIT_S)["imported"]
        constructed = process.read_json(timeout_s=LIMIT_S)["constructed"]
        process.read_json(timeout_s=LIMIT_S)
        ready = time.perf_counter() - process.started
    return {"ready_s": ready, "import_s": imported, "constructor_s": constructed}


class Stack:
    """A running gateway with one model folder, and its management client.

    Raises:
        NotStarted: the gateway does not start, or does not find the model.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        program = batuta_program()
        if program is None:
            raise NotStarted(f"there is no batuta command beside {sys.executable}; `make run` installs it")
        self.model = path.stem
        environ = batuta_environ(folder, batuta_settings(port=0), BATUTA_MODELS_DIR=str(path.parent))
        self.process = Process("gateway", [str(program), "up"], folder=folder, environ=environ)
        try:
            port = listening_port(self.process)
            record = read_record(folder / "data" / "run")
            self._client = GatewayClient(f"http://127.0.0.1:{port}", record.token if record else None)
            self._wait_for({"absent"})
        except (NotStarted, BatutaError):
            self.process.stop()
            raise

    def load(self) -> dict[str, float]:
        """Load through the stack; return the seconds from the request to ready."""
        started = time.perf_counter()
        self._client.post(model_path(self.model, "load"))
        self._client.post(model_path(self.model, "wait"), {"timeout_s": LIMIT_S}, timeout_s=LIMIT_S + 10)
        seconds = time.perf_counter() - started
        if self.state() != "ready":
            raise NotStarted(f"the gateway says {self.model} is {self.state()} after it was waited for")
        return {"ready_s": seconds}

    def unload(self) -> None:
        """Take the model out of memory and wait until it is."""
        self._client.post(model_path(self.model, "unload"))
        self._wait_for({"absent"})

    def state(self) -> str:
        """Return the model's state."""
        return str(self._client.get(model_path(self.model, "status"))["state"])

    def _wait_for(self, states: set[str]) -> None:
        deadline = time.perf_counter() + 30.0
        found = "unknown to the gateway"
        while time.perf_counter() < deadline:
            try:
                found = self.state()
            except BatutaError as error:
                found = str(error)
            if found in states:
                return
            time.sleep(0.05)
        raise NotStarted(f"{self.model} is not {' or '.join(states)} after 30 s: {found}")


def run_all(options: argparse.Namespace, path: Path, folder: Path) -> list[dict[str, Any]]:
    """Load in a random order, each way `options.runs` times per kind of page cache; return one row a load."""
    order = random.Random(options.seed)
    caches = ["warm", *(["cold"] if options.cold and hasattr(os, "posix_fadvise") else [])]
    rows: list[dict[str, Any]] = []
    stack = None if options.alone_only else Stack(path, folder)
    try:
        for cache in caches:
            for run in range(options.runs):
                for way in order.sample(["alone", *(["stack"] if stack else [])], 2 if stack else 1):
                    warm(path) if cache == "warm" else chill(path)
                    rows.append({"cache": cache, "run": run, "way": way, **_load(way, stack, path, folder)})
    finally:
        if stack:
            stack.process.stop()
    return rows


def _load(way: str, stack: Stack | None, path: Path, folder: Path) -> dict[str, float]:
    if way == "alone" or stack is None:
        return load_alone(path, folder)
    try:
        return stack.load()
    finally:
        stack.unload()


def ratio(rows: Sequence[dict[str, Any]], cache: str) -> float | None:
    """Return the median over runs of stack / alone; None when one of them was not measured."""
    pairs: dict[int, dict[str, float]] = {}
    for row in rows:
        if row["cache"] == cache:
            pairs.setdefault(row["run"], {})[row["way"]] = row["ready_s"]
    found = [pair["stack"] / pair["alone"] for pair in pairs.values() if len(pair) == 2]
    return median(found) if found else None


def report(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of medians."""
    lines = []
    for cache, way in dict.fromkeys((row["cache"], row["way"]) for row in rows):
        own = [row for row in rows if (row["cache"], row["way"]) == (cache, way)]
        ready = [row["ready_s"] for row in own]
        cells = [number(value, 3) for value in (median(ready), min(ready), max(ready))]
        parts = [number(median([row[key] for row in own if key in row]), 3) for key in ("import_s", "constructor_s")]
        of_alone = number(ratio(rows, cache)) if way == "stack" else "-"
        lines.append([f"{way}, {cache} cache", str(len(own)), *cells, *parts, of_alone])
    columns = ["load", "runs", "median s", "min s", "max s", "of it import s", "constructor s", "x alone"]
    return table("## Loads", columns, lines)


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when it cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench load", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bytes", default="1GB", help="size of the model file")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cold", action="store_true", help="also with the file dropped from the page cache")
    parser.add_argument("--alone-only", action="store_true", help="without the stack")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "batuta-bench", metavar="FOLDER")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    size = parse_size(options.bytes)
    if not isinstance(size, int):
        parser.error(f"--bytes {options.bytes!r} is not a size")
    facts = print_head("Load of a model")
    path = model_file(options.cache, size)
    print(f"- file: {path.stat().st_size / 1e9:.2f} GB; foreign CPU before the run: {foreign_now():.0%}")
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder:
        try:
            rows = run_all(options, path, Path(folder))
        except (NotStarted, BatutaError) as error:
            print(f"cannot measure: {error}", file=sys.stderr)
            return 1
    print(report(rows))
    goals = [Goal("load through the stack, warm cache, times alone", ratio(rows, "warm"), {"now": GOAL})]
    print(goals_table(goals))
    write_record(options.out, {"facts": facts, "rows": rows})
    return 0
