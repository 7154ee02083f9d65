"""Process start to listening port and to a ready model, and the time to import the command line.

Every run is a fresh process; the files are in the page cache, because an unmeasured run goes before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.common import ROOT, Goal, foreign_now, goals_table, median, number, print_head, table, write_record
from bench.processes import NotStarted, Process, free_port, wait_for_port
from bench.targets import batuta_environ, batuta_program, batuta_settings

LIMIT_S = 30.0
TOP = 15
MODULES = ("batuta.cli.main", "batuta.app")
_TIMED = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


def wait_for_200(port: int, path: str, process: Process) -> float:
    """Return the moment (perf_counter) at which GET `path` was first answered with 200.

    Raises:
        NotStarted: it was not, within the limit.
    """
    deadline = time.perf_counter() + LIMIT_S
    last = "no answer"
    while time.perf_counter() < deadline:
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            answer = connection.getresponse()
            last = f"{answer.status} {answer.read()[:200]!r}"
            connection.close()
            if answer.status == 200:
                return time.perf_counter()
        if not process.is_alive:
            raise NotStarted(f"{process.name} ended with status {process.status}: {process.tail()}")
        time.sleep(0.003)
    raise NotStarted(f"{path} is not 200 after {LIMIT_S:g} s but {last}")


def start_once(program: Path, folder: Path, *, model: Path | None) -> dict[str, float]:
    """Start in `folder` (its data is kept); return seconds to the listening port, to health, and to ready."""
    port = free_port()
    extra: dict[str, str] = {}
    if model is not None:
        extra = {"BATUTA_MODELS_DIR": str(model.parent), "DEFAULT_MODEL": model.stem}
    environ = batuta_environ(folder, batuta_settings(port=port), **extra)
    with Process("gateway", [str(program), "up" if model else "serve"], folder=folder, environ=environ) as process:
        found = {"listening": wait_for_port(port, timeout_s=LIMIT_S, process=process) - process.started}
        found["health"] = wait_for_200(port, "/health", process) - process.started
        if model is not None:
            found["ready"] = wait_for_200(port, "/ready", process) - process.started
    return found


def import_once(module: str) -> float:
    """Return the seconds a fresh interpreter needs to import a module, its own start left out."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(module=module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"{module} cannot be imported: {done.stderr.strip()[-300:]}")
    return float(done.stdout.split()[-1])


def _import_one(module: str) -> dict[str, float]:
    return {"": import_once(module)}


def command_once(program: Path) -> float:
    """Return the seconds of a whole `batuta --version`."""
    started = time.perf_counter()
    subprocess.run([str(program), "--version"], cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=True)
    return time.perf_counter() - started


def import_times(module: str) -> list[tuple[str, int, int]]:
    """Return (module, own microseconds, microseconds with all it imports) of everything that importing it imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    rows: list[tuple[str, int, int]] = []
    for line in done.stderr.splitlines():
        cells = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and len(cells) == 3 and cells[0].strip().isdigit():
            rows.append((cells[2].strip(), int(cells[0]), int(cells[1])))
    return rows


def by_package(rows: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Return (package, modules, own microseconds of all of them), the dearest first."""
    totals: dict[str, tuple[int, int]] = {}
    for name, own, _ in rows:
        package = name.partition(".")[0]
        modules, spent = totals.get(package, (0, 0))
        totals[package] = (modules + 1, spent + own)
    return sorted(((name, *sums) for name, sums in totals.items()), key=lambda row: -row[2])


def import_tables(module: str) -> str:
    """Return the dearest packages (own time) and modules (with all they import) of one import."""
    rows = import_times(module)
    packages = [[name, str(modules), number(own / 1000, 1)] for name, modules, own in by_package(rows)[:TOP]]
    dearest = sorted(rows, key=lambda row: -row[2])[:TOP]
    modules_ = [[name, number(own / 1000, 1), number(whole / 1000, 1)] for name, own, whole in dearest]
    return "\n".join(
        [
            table(f"## Import of {module}: packages", ["package", "modules", "own ms"], packages),
            table(f"## Import of {module}: modules", ["module", "own ms", "with imports ms"], modules_),
        ]
    )


def measure(runs: int, folder: Path) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Do everything `runs` times; return figure -> seconds of each run, and figure -> why it was not measured."""
    found: dict[str, list[float]] = {}
    missing: dict[str, str] = {}

    def repeat(title: str, once: Callable[[], Mapping[str, float]]) -> None:
        try:
            once()  # fills the page cache, writes bytecode
            for _ in range(runs):
                for name, seconds in once().items():
                    found.setdefault(f"{title}{name}", []).append(seconds)
        except (NotStarted, subprocess.SubprocessError, OSError) as error:
            missing[title.strip(" ,")] = str(error)

    for module in MODULES:
        repeat(f"import {module}", partial(_import_one, module))
    program = batuta_program()
    if program is None:
        missing["start"] = f"there is no batuta command beside {sys.executable}; `make run` installs it"
        return found, missing
    repeat("batuta ", lambda: {"--version": command_once(program)})
    kept = _folder(folder, "kept")
    repeat("serve, ", lambda: start_once(program, kept, model=None))

    def first_start() -> dict[str, float]:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            return start_once(program, Path(fresh), model=None)

    repeat("serve in an empty data folder, ", first_start)
    from batuta.testing.gguf import tiny_gguf  # needs numpy, which the rest does without

    model = tiny_gguf(_folder(folder, "models") / "tiny.gguf")
    with_model = _folder(folder, "with-model")
    repeat("up with a tiny model, ", lambda: start_once(program, with_model, model=model))
    return found, missing


def _folder(parent: Path, name: str) -> Path:
    path = parent / name
    path.mkdir()
    return path


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench startup", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--no-breakdown", action="store_true", help="leave the tables of imports out")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head("Start")
    print(f"- foreign CPU before the run: {foreign_now():.0%}")
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder:
        found, missing = measure(options.runs, Path(folder))
    rows = [
        [name, str(len(each)), *(number(value, 3) for value in (median(each), min(each), max(each)))]
        for name, each in found.items()
    ]
    print(table("## Seconds", ["from process start", "runs", "median s", "min s", "max s"], rows))
    for name, why in missing.items():
        print(f"\n{name}: NOT MEASURED: {why}")
    if not options.no_breakdown:
        print("\n".join(import_tables(module) for module in MODULES if f"import {module}" in found))

    def figure(name: str) -> float | None:
        return median(found[name]) if name in found else None

    goals = [
        Goal("import of batuta.cli.main s", figure("import batuta.cli.main"), {"now": 0.3}),
        Goal("listening port s", figure("serve, listening"), {"now": 1.5, "release": 1.0}),
        Goal("first 200 s", figure("serve, health"), {"now": 1.5, "release": 1.0}),
        Goal("ready tiny model s", figure("up with a tiny model, ready"), {"now": 2.5}),
    ]
    print(goals_table(goals))
    write_record(options.out, {"facts": facts, "seconds": found, "missing": missing})
    return 1 if missing else 0
