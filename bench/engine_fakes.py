"""Fake local engines for the bench, each in a process of its own, and the adapters in front of them.

`python -m bench.engine_fakes KIND --models N` prints one JSON line with its port and runs until it is terminated.
An engine takes part when both its adapter and its fake can be imported; the others are named with the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from batuta.engines.registry import engine_of
from batuta.errors import BadSettings
from batuta.kinds import KINDS
from batuta.testing.local_server import GIB, FakeModel, LocalServer, MemoryPool
from bench.processes import NotStarted, Process, python

START_S = 15.0
PROGRAMS = tuple(kind for kind, row in KINDS.items() if row.is_loaded and row.module)


@dataclass(frozen=True, slots=True)
class Backend:
    """A fake that runs: its kind and where it listens."""

    kind: str
    url: str


def model_names(count: int) -> list[str]:
    """Return the names of that many models; in the form that every engine takes as it is."""
    return [f"model-{number}:latest" for number in range(count)]


def fake_class(kind: str) -> type[LocalServer]:
    """Return the fake of a kind. Raises ImportError or LookupError when there is none."""
    module = import_module(f"batuta.testing.{kind}.server")
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, LocalServer) and each.__module__ == module.__name__:
            return each
    raise LookupError(f"batuta.testing.{kind}.server has no fake")


def missing(kind: str) -> str | None:
    """Say why an engine takes no part; None if it does."""
    try:
        fake_class(kind)
        engine_of(KINDS[kind].module, kind)
    except (ImportError, LookupError, SyntaxError, BadSettings) as error:
        return str(error)
    return None


def make_fake(kind: str, models: int) -> LocalServer:
    """Return the fake with that many models, and room for all of them."""
    made = fake_class(kind)
    options: dict[str, Any] = {"memory": MemoryPool((models + 1) * GIB)}
    known = inspect.signature(made.__init__).parameters
    if "models" in known:
        options["models"] = [FakeModel(name, size=GIB // 2) for name in model_names(models)]
    if "is_router" in known:  # a single server would hold one model
        options |= {"is_router": True, "most": models + 1}
    if "scheduling" in known:  # a loop of its own decides how many models may be in memory
        options["scheduling"] = {"max_loaded": models + 1}
    return made(**options)


@contextmanager
def running(kinds: Sequence[str], *, models: int, folder: Path) -> Iterator[list[Backend]]:
    """Start a fake of each kind (a kind may come more than once) and end them afterwards. Raises NotStarted."""
    with ExitStack() as stack:
        found = []
        for number, kind in enumerate(kinds):
            argv = python("bench.engine_fakes", kind, "--models", str(models))
            process = stack.enter_context(Process(f"{kind}-{number}", argv, folder=folder))
            said = process.read_json(timeout_s=START_S)
            if "error" in said:
                raise NotStarted(f"the fake {kind} cannot be made: {said['error']}")
            found.append(Backend(kind, f"http://127.0.0.1:{said['port']}"))
        yield found


def main(argv: Sequence[str]) -> int:
    """Serve one fake until it is terminated."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine_fakes")
    parser.add_argument("kind", choices=PROGRAMS)
    parser.add_argument("--models", type=int, default=40)
    options = parser.parse_args(argv)

    async def serve() -> None:
        try:
            server = make_fake(options.kind, options.models)
        except TypeError as error:  # a fake that is made otherwise
            print(json.dumps({"error": str(error)}), flush=True)
            return
        async with server:
            print(json.dumps({"port": server.port}), flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
