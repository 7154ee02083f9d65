"""What discovery costs: the first and the second scan of thousands of files, and a round of knocks at closed ports.

The files lie in folders laid out as Hugging Face's cache, LM Studio, llama.cpp and Ollama lay them out. They are real
GGUF files with one tensor, so that the first scan reads and checks as many headers as a person's would.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import socket
import struct
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvloop

from batuta.catalog.discovery import merge
from batuta.catalog.files import FileScanner, reader
from batuta.catalog.finding import DOORS, Door
from batuta.catalog.records import LOCAL
from batuta.catalog.shelves import shelves
from batuta.engines.knock import Doorman
from batuta.engines.transport import Transport
from batuta.loader import forms
from bench.common import Goal, foreign_now, goals_table, median, number, print_head, table, write_record

FILES = 5000
LOOKS = 7
ROUNDS = 500
PLACES = ("lmstudio", "llama.cpp", "hugging face", "ollama")


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds."""

    files: int = 0
    problems: int = 0
    first_s: float = float("nan")
    second_s: list[float] = field(default_factory=list)
    second_cpu_s: list[float] = field(default_factory=list)
    merge_s: list[float] = field(default_factory=list)
    round_s: list[float] = field(default_factory=list)
    round_cpu_s: list[float] = field(default_factory=list)


def tiny(number_: int) -> bytes:
    """Return a sound GGUF file of one tensor, different from every other."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = [("general.architecture", "llama"), ("general.name", f"model {number_}")]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs))
    head += b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in pairs)
    head += text("output.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)  # one row of 32 numbers, F32, at the beginning
    return head + b"\0" * (-len(head) % 32) + struct.pack("<32f", *([float(number_)] * 32))


def fill(home: Path, files: int) -> None:
    """Put as many models into the folders of four programs."""
    put = dict(zip(PLACES, (_lmstudio, _llama_cpp, _hugging_face, _ollama), strict=True))
    for index, place in zip(range(files), itertools.cycle(PLACES), strict=False):
        put[place](home, index, tiny(index))


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _lmstudio(home: Path, index: int, content: bytes) -> None:
    _write(home / f".lmstudio/models/publisher-{index % 50}/repo-{index}/model-{index}.gguf", content)


def _llama_cpp(home: Path, index: int, content: bytes) -> None:
    _write(home / f".cache/llama.cpp/org_repo-{index}-GGUF_model-{index}.gguf", content)


def _hugging_face(home: Path, index: int, content: bytes) -> None:
    model = home / f".cache/huggingface/hub/models--org--repo-{index}"
    blob = _write(model / "blobs" / sha256(content).hexdigest(), content)
    link = model / "snapshots" / f"{index:040x}" / f"model-{index}.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    _write(model / "refs" / "main", f"{index:040x}".encode())


def _ollama(home: Path, index: int, content: bytes) -> None:
    folder, digest = home / ".ollama/models", sha256(content).hexdigest()
    _write(folder / "blobs" / f"sha256-{digest}", content)
    layers: list[dict[str, Any]] = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(content)}
    ]
    manifest = folder / "manifests/registry.ollama.ai/library" / f"model-{index}" / "latest"
    _write(manifest, json.dumps({"schemaVersion": 2, "layers": layers}).encode())


def scans(home: Path, looks: int, found: Figures) -> None:
    """Time the first look at the folders, and the ones after it."""
    places = shelves({"HOME": str(home)})
    scanner = FileScanner((), reader(forms.inspect, forms.estimate), shelves=places)
    started = time.perf_counter()
    scan = scanner.scan(monotonic=time.monotonic(), wall=time.time())
    found.first_s = time.perf_counter() - started
    found.files, found.problems = len(scan.found), len(scan.problems)
    known = {record.id: record for record in merge({}, LOCAL.id, scan.found).added}
    for _ in range(looks):
        started, cpu = time.perf_counter(), time.process_time()
        scan = scanner.scan(monotonic=time.monotonic(), wall=time.time())
        found.second_s.append(time.perf_counter() - started)
        found.second_cpu_s.append(time.process_time() - cpu)
        started = time.perf_counter()
        merge(known, LOCAL.id, scan.found)
        found.merge_s.append(time.perf_counter() - started)


def closed_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    for sock in held:
        sock.bind(("127.0.0.1", 0))
    ports = [int(sock.getsockname()[1]) for sock in held]
    for sock in held:
        with closing(sock):
            pass
    return ports


async def knocks(rounds: int, looks: int, found: Figures) -> None:
    """Time a round of knocks where nobody listens, by the clock and in CPU."""
    doors = [Door(door.kind, port) for door, port in zip(DOORS, closed_ports(len(DOORS)), strict=True)]
    transport = Transport()
    doorman = Doorman(transport)
    try:
        for _ in range(looks):
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(rounds):
                await asyncio.gather(*(doorman.knock(door) for door in doors))
            found.round_s.append((time.perf_counter() - wall) / rounds)
            found.round_cpu_s.append((time.process_time() - cpu) / rounds)
    finally:
        await transport.aclose()


def goals(found: Figures) -> list[Goal]:
    """Return the promises."""
    return [
        Goal(f"second scan of {found.files} files, s", median(found.second_s), {"now": 1.0}, digits=3),
        Goal("CPU of a round of knocks, ms", median(found.round_cpu_s) * 1000, {"now": 1.0}, digits=3),
    ]


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench discovery", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--looks", type=int, default=LOOKS)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head(f"Discovery: {options.files} model files, {len(DOORS)} ports")
    print(f"- foreign CPU before the run: {foreign_now():.0%}")
    found = Figures()
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder:
        fill(Path(folder), options.files)
        scans(Path(folder), options.looks, found)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(knocks(ROUNDS, options.looks, found))
    figures = {
        "first scan": [found.first_s],
        "second scan": found.second_s,
        "CPU of the second scan": found.second_cpu_s,
        "comparing it with the catalog": found.merge_s,
        "round of knocks, nobody there": found.round_s,
        "CPU of that round": found.round_cpu_s,
    }
    rows = [
        [name, *(number(value * 1000, 3) for value in (median(each), min(each), max(each)))]
        for name, each in figures.items()
    ]
    print(f"- models found: {found.files}, problems: {found.problems}")
    print(table("## Times", ["", "median ms", "min ms", "max ms"], rows))
    verdicts = goals(found)
    print(goals_table(verdicts))
    write_record(options.out, {"facts": facts, "files": found.files, "seconds": figures})
    return 1 if found.files < options.files or any(goal.falls_short("now") for goal in verdicts) else 0
