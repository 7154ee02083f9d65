"""`python -m bench NAME [options]`: picks the command and hands it the rest. Knows nothing of what is measured."""

from __future__ import annotations

import importlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

COMMANDS = {
    "overhead": "what the gateway adds to a request, beside a null relay, nginx and no gateway at all",
    "startup": "process start to listening port and to a ready model; time to import the command line",
    "load": "a model load through the whole stack, beside llama.cpp alone",
    "swap": "one model for another under a budget in which one fits, beside llama.cpp started by hand",
    "pinned": "waking a model whose weights stayed in RAM, beside the bus and beside reading it anew",
    "scheduling": "swaps and waits beside Ollama's and llama-swap's ways and the optimum, simulated; the goals G1-G5",
    "lifecycle": "time for one lifecycle decision while 100 requests are queued",
    "engines": "what local engines cost: a refresh of 200 models, the CPU of a look, the CPU an adapter adds",
    "external": "external providers: translation a chunk, CPU a request, failing over, everything failing at once",
    "discovery": "scans of thousands of model files, first and second; a round of knocks at closed ports",
}


def main(argv: list[str]) -> int:
    """Run one command; return its exit status (2: no such command)."""
    if not argv or argv[0] not in COMMANDS:
        print("usage: python -m bench NAME [--help | options]\n", file=sys.stderr)
        for name, what in COMMANDS.items():
            print(f"  {name:<10} {what}", file=sys.stderr)
        return 0 if argv and argv[0] in {"-h", "--help"} else 2
    signal.signal(signal.SIGTERM, _interrupt)
    command = importlib.import_module(f"bench.{argv[0]}")
    try:
        with the_only_one(Path(tempfile.gettempdir())):
            status: int = command.main(argv[1:])
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BlockingIOError:
        print(
            "another bench runs on this machine; the figures of both would be wrong, so this one ends", file=sys.stderr
        )
        return 1
    return status


@contextmanager
def the_only_one(folder: Path) -> Iterator[None]:
    """Hold the one place for a bench among all that use this folder. Raises BlockingIOError when it is taken."""
    try:
        import fcntl  # not there on Windows
    except ImportError:
        yield
        return
    with (folder / "batuta-bench.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _interrupt(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt  # so that what was started is ended, as after Ctrl-C


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
