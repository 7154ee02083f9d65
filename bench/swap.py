"""One model leaves and another comes: seconds from the last token of the one to the first token of the other.

Two files with random weights stand under a budget in which one of them fits. The other is asked for while the first
still answers, through gateway and loader, and every part of the swap is taken from what the loader says meanwhile.
Beside it: the same file loaded with llama.cpp by hand, and read from end to end, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from batuta.errors import BatutaError, LoaderDown
from batuta.loader import control
from batuta.loader.client import LoaderClient
from batuta.settings import EngineSettings
from bench.common import Goal, foreign_now, goals_table, median, number, percentile, print_head, table, write_record
from bench.load import READ_BYTES, chill, load_alone, warm
from bench.processes import NotStarted, Process
from bench.targets import batuta_environ, batuta_program, batuta_settings, listening_port

SIZES = {"brain": 2_000_000_000, "executor": 1_400_000_000}
CONTEXT = 2048
BUDGET = 3_000_000_000  # the larger needs 2.3 GB with its context, the smaller 1.6
TOKENS = 5  # of each answer
LIMIT_S = 180.0
SPARE_S = 20.0  # until a spare process waits again; without one in that time it is measured without
GOAL = 1.3
PARTS = ("drain", "unload", "memory back", "process start", "read", "warm-up", "first token")


def model_files(cache: Path) -> dict[str, Path]:
    """Return both models by id, made on first use and kept. Needs 3.4 GB of disk."""
    from batuta.testing.gguf import random_gguf  # needs numpy, which the other commands do without

    folder = cache / "swap"
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}-{size}": folder / f"{name}-{size}.gguf" for name, size in SIZES.items()}
    for seed, (path, size) in enumerate(zip(files.values(), SIZES.values(), strict=True)):
        if path.exists():
            continue
        if shutil.disk_usage(folder).free < 2 * size:
            raise NotStarted(f"there is no room for {size / 1e9:.1f} GB in {folder}; name another one with --cache")
        random_gguf(folder / "unfinished", size, seed=seed).replace(path)
    return files


def read_seconds(path: Path) -> float:
    """Return the seconds of reading a file from end to end, by calls, as fast as one thread can."""
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(READ_BYTES)
        while file.readinto(buffer):
            pass
    return time.perf_counter() - started


# --- the stack -----------------------------------------------------------------------------------------------------


@dataclass
class Marks:
    """When the loader said what, in this process's seconds: (model, what) -> the first time."""

    at: dict[tuple[str, str], float] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def hear(self, event: dict[str, Any]) -> None:
        now = time.perf_counter()
        match event.get("event"):
            case "state":
                self.at.setdefault((event["model"]["id"], event["model"]["state"]), now)
            case "progress":
                self.at.setdefault((event["model"], event["stage"]), now)
            case "unloaded":
                self.at.setdefault((event["model"], "unloaded"), now)
                self.told[event["model"]] = event


class Stack:
    """A running gateway over both models, and a connection to its loader."""

    def __init__(self, process: Process, port: int, loader: LoaderClient) -> None:
        self.process = process
        self._port = port
        self.loader = loader
        self.marks = Marks()
        loader.listen(self._hear)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, files: dict[str, Path], folder: Path, *, engine: EngineSettings, spare: bool
    ) -> AsyncIterator[Stack]:
        """Start it; end it at the end.

        Raises:
            NotStarted: the gateway does not start, or its loader is not there.
        """
        program = batuta_program()
        if program is None:
            raise NotStarted(f"there is no batuta command beside {sys.executable}; `make run` installs it")
        tables = f'[memory]\nbudget = "{BUDGET}B"\n[swap]\nreturn_to = "off"\n[engine]\n'
        tables += f"context_length = {engine.context_length}\nthreads = {engine.threads}\n"
        environ = batuta_environ(
            folder,
            batuta_settings(port=0, tables=tables),
            BATUTA_MODELS_DIR=str(next(iter(files.values())).parent),
            BATUTA_LOADER__SPARE=str(spare).lower(),
        )
        process = Process("gateway", [str(program), "serve"], folder=folder, environ=environ)
        loader = LoaderClient()
        try:
            port = await asyncio.to_thread(listening_port, process)
            await _connect(loader, folder / "data" / "run")
            yield cls(process, port, loader)
        finally:
            await loader.aclose()
            await asyncio.to_thread(process.stop)

    def _hear(self, event: dict[str, Any]) -> None:
        self.marks.hear(event)

    async def answer(self, model: str) -> AsyncGenerator[float, None]:
        """Ask for an answer; yield the moment of each of its tokens. Raises NotStarted when there is none."""
        # A prompt of one letter: what a long one takes is no part of a swap.
        body = {"model": model, "prompt": "A", "max_tokens": TOKENS, "stream": True}
        data = json.dumps(body).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(
                f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                + data
            )
            tokens = 0
            while line := await reader.readline():
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    raise NotStarted(f"{model} did not answer: {event['error']}")
                if any(choice.get("text") for choice in event.get("choices", ())):
                    tokens += 1
                    yield time.perf_counter()
            if not tokens:
                raise NotStarted(f"{model} answered without a token: {self.process.tail()}")
        finally:
            writer.close()

    async def until_found(self, ids: Sequence[str]) -> None:
        """Wait until the gateway knows the models: it looks through its folders after its start."""
        for _ in range(300):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            body = (await reader.read()).decode()
            writer.close()
            if all(f'"{each}"' in body for each in ids):
                return
            await asyncio.sleep(0.1)
        raise NotStarted(f"the gateway does not find {' and '.join(ids)}: {self.process.tail()}")

    async def until_spare(self) -> bool:
        """Wait until a spare process waits with its library imported; return whether one does."""
        end = time.perf_counter() + SPARE_S
        while time.perf_counter() < end:
            pid = (await self.loader.status()).get("spare", {}).get("pid", 0)
            if pid and _has_library(pid):
                return True
            await asyncio.sleep(0.1)
        return False


async def _connect(loader: LoaderClient, run_dir: Path) -> None:
    """Connect to the loader that the gateway has started or is starting. Raises NotStarted."""
    for _ in range(300):
        if address := control.find(run_dir):
            with suppress(LoaderDown):
                await loader.connect(address)
                return
        await asyncio.sleep(0.1)
    raise NotStarted(f"the gateway listens, and its loader does not: nothing answers in {run_dir}")


def _has_library(pid: int) -> bool:
    try:
        return any("xllamacpp" in part.path for part in psutil.Process(pid).memory_maps())
    except (psutil.Error, AttributeError):
        return False


async def swap_once(stack: Stack, leaves: str, comes: str) -> dict[str, float]:
    """Have one model answer, ask for the other meanwhile; return the seconds of the swap and of its parts."""
    stack.marks = marks = Marks()
    last = 0.0

    async def first_token() -> float:
        first = 0.0
        async with aclosing(stack.answer(comes)) as tokens:
            async for at in tokens:
                first = first or at
        return first

    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        waiting: asyncio.Task[float] | None = None
        async with aclosing(stack.answer(leaves)) as tokens:
            async for at in tokens:
                waiting = waiting or group.create_task(first_token())
                last = at
    assert waiting is not None
    return parts_of(marks, leaves, comes, last=last, first=waiting.result())


def parts_of(marks: Marks, leaves: str, comes: str, *, last: float, first: float) -> dict[str, float]:
    """Cut a swap into its parts by what the loader said. Raises NotStarted when there was none."""
    at = marks.at
    wanted = [(leaves, "unloading"), (leaves, "unloaded"), (comes, "loading"), (comes, "reading"), (comes, "ready")]
    if missing := [f"{model} was not {what}" for model, what in wanted if (model, what) not in at]:
        raise NotStarted(f"this was no swap: {', '.join(missing)}")
    back = float(marks.told[leaves]["back_s"])
    reading, ready = at[comes, "reading"], at[comes, "ready"]
    warming = min(at.get((comes, "warming"), ready), ready)
    parts = {
        "drain": at[leaves, "unloading"] - last,
        "unload": at[leaves, "unloaded"] - at[leaves, "unloading"] - back,
        "memory back": back,
        "process start": reading - at[leaves, "unloaded"],
        "read": warming - reading,
        "warm-up": ready - warming,
        "first token": first - ready,
    }
    return {"swap": first - last, **parts}


# --- the run -------------------------------------------------------------------------------------------------------


async def run_all(options: argparse.Namespace, files: dict[str, Path], folder: Path) -> list[dict[str, Any]]:
    """Swap to and fro, each time beside a load by hand and a read of the same file; return one row a swap."""
    caches = ["warm"] * options.runs + (["cold"] * options.cold if hasattr(os, "posix_fadvise") else [])
    rows: list[dict[str, Any]] = []
    ids = list(files)
    engine = EngineSettings(context_length=CONTEXT, threads=options.threads)
    async with Stack.running(files, folder, engine=engine, spare=not options.no_spare) as stack:
        await stack.until_found(ids)
        async for _ in stack.answer(ids[0]):
            pass
        for run, cache in enumerate(["unmeasured", *caches]):
            leaves, comes = ids[run % 2], ids[(run + 1) % 2]
            row = await beside(stack, files[comes], cache, folder, engine)
            row["has_spare"] = not options.no_spare and await stack.until_spare()
            await asyncio.to_thread(_prepare(cache), files[comes])
            row |= {"run": run, "model": comes, **await swap_once(stack, leaves, comes)}
            print(f"- {cache} swap to {comes}: {row['swap']:.2f} s, by hand {row['by hand']:.2f} s", file=sys.stderr)
            if cache != "unmeasured":
                rows.append(row)
    return rows


async def beside(stack: Stack, path: Path, cache: str, folder: Path, engine: EngineSettings) -> dict[str, Any]:
    """Load the file by hand and read it, while it is not in the stack's memory: what is mapped cannot be dropped."""
    prepare = _prepare(cache)
    await asyncio.to_thread(prepare, path)
    by_hand = await asyncio.to_thread(load_alone, path, folder, engine)
    await asyncio.to_thread(prepare, path)
    return {
        "cache": cache,
        "by hand": by_hand["ready_s"],
        "by hand, constructor": by_hand["constructor_s"],
        "floor": await asyncio.to_thread(read_seconds, path),
        "cached": await stack.loader.cached(str(path)),
    }


def _prepare(cache: str) -> Callable[[Path], None]:
    return chill if cache == "cold" else warm


# --- the report ----------------------------------------------------------------------------------------------------


def ratio(rows: Sequence[dict[str, Any]], cache: str, beside: str) -> float | None:
    """Return the median over swaps of swap / what stood beside it; None when there were none."""
    found = [row["swap"] / row[beside] for row in rows if row["cache"] == cache]
    return median(found) if found else None


def report(rows: Sequence[dict[str, Any]]) -> str:
    """Return the tables: the swaps, their parts, and what stood beside them."""
    swaps, parts = [], []
    for cache in dict.fromkeys(row["cache"] for row in rows):
        own = [row for row in rows if row["cache"] == cache]
        seconds = [row["swap"] for row in own]
        spread = [median(seconds), percentile(seconds, 0.95), min(seconds), max(seconds)]
        beside = [median([row[name] for row in own]) for name in ("by hand", "floor")]
        ratios = [ratio(rows, cache, name) for name in ("by hand", "floor")]
        swaps.append([f"{cache} cache", str(len(own)), *(number(value, 3) for value in (*spread, *beside, *ratios))])
        parts.append([f"{cache} cache", *(number(median([row[part] for row in own]), 3) for part in PARTS)])
    columns = ["swap", "runs", "p50 s", "p95 s", "min s", "max s", "by hand s", "floor s", "x by hand", "x floor"]
    return table("## Swaps", columns, swaps) + "\n" + table("## Parts, median seconds", ["swap", *PARTS], parts)


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when it cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench swap", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="swaps with the file in the page cache")
    parser.add_argument("--cold", type=int, default=3, help="swaps with the file dropped from it")
    parser.add_argument("--threads", type=int, default=0, help="of llama.cpp, both ways; 0: one a physical core")
    parser.add_argument("--no-spare", action="store_true", help="without a process that waits for the next model")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "batuta-bench", metavar="FOLDER")
    parser.add_argument("--remove", action="store_true", help="remove both model files at the end")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head("Swaps")
    try:
        files = model_files(options.cache)
        sizes = " and ".join(f"{path.stat().st_size / 1e9:.2f} GB" for path in files.values())
        print(f"- files: {sizes}, budget {BUDGET / 1e9:.1f} GB; foreign CPU before the run: {foreign_now():.0%}")
        with tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder:
            rows = asyncio.run(run_all(options, files, Path(folder)))
    except (NotStarted, BatutaError, OSError, TimeoutError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 1
    print(report(rows))
    print(goals_table([Goal("warm swap, times a load by hand", ratio(rows, "warm", "by hand"), {"now": GOAL})]))
    write_record(options.out, {"facts": facts, "rows": rows})
    if options.remove:
        shutil.rmtree(options.cache / "swap")
    return 0
