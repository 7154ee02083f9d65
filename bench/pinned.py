"""Waking a parked model, beside the bus it comes over and beside reading it anew. Needs the extra `transformers`.

The bus is measured in the same run, with a copy of as many bytes from the same page-locked buffer into memory of the
device that is there already. Without a GPU nothing is said about one: the same path is then measured on tensors of the
CPU, where a copy from RAM to RAM stands for the bus.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from batuta.setting_types import parse_size
from bench.common import Goal, foreign_now, goals_table, median, number, percentile, print_head, table, write_record

GOAL = 1.3  # wake over the copy alone
ANSWER_S = 120.0
PAGE = 4096
NEEDS = ("torch", "transformers", "safetensors")
PARAMS = {"context": 2048, "embedding": "chat", "slots": 4, "gpu_layers": -1, "batching": "auto", "parking": "on"}


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of each run."""

    copy: list[float]
    fresh: list[float]
    park: list[float]
    weights: list[float]
    wake: list[float]
    answer: list[float]
    reload: list[float]


def main(argv: list[str]) -> int:
    """Measure and print; return 1 where a goal is missed, 2 where nothing can be measured."""
    options = _options(argv)
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not measured: {', '.join(missing)} not installed (pip install 'batuta[transformers]')", file=sys.stderr)
        return 2
    from bench.pinned_model import safetensors_model, weight_bytes  # with PyTorch, which the other commands do without

    facts = print_head("Waking a parked model")
    folder = safetensors_model(options.cache, options.size)
    device = _device(options.device)
    print(f"- model: {weight_bytes(folder) / 1e9:.2f} GB of bfloat16, weights in the page cache")
    print(f"- device: {_name(device)}\n- foreign CPU: {foreign_now():.0%}\n")
    if device == "cpu":
        print("No accelerator: the wake of a model on a GPU and its share of PCIe's bandwidth were NOT MEASURED.")
        print("What follows is the same path on tensors of the CPU: what it adds to a copy from RAM to RAM.")
    sys.stdout.flush()
    size, figures = _measure(folder, device, options.runs)
    _print(size, figures, device)
    goal = Goal("wake / copy of as many bytes", median(figures.wake) / median(figures.copy), {"now": GOAL})
    if device == "cpu":
        goal = Goal(goal.figure, None, goal.bounds)
    print(goals_table([goal]))
    record = {"facts": facts, "device": device, "bytes": size, "runs": {n: getattr(figures, n) for n in _names()}}
    write_record(options.json, record)
    return 1 if goal.falls_short("now") else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench pinned", description=__doc__)
    parser.add_argument("--size", type=parse_size, default=parse_size("1GB"), help="of the weights (1GB)")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "batuta-bench")
    parser.add_argument("--json", type=Path, help="write everything that was measured here")
    return parser.parse_args(argv)


def _names() -> tuple[str, ...]:
    return tuple(Figures.__dataclass_fields__)


# --- measuring -----------------------------------------------------------------------------------------------------


def _measure(folder: Path, device: str, runs: int) -> tuple[int, Figures]:
    """Return the bytes of the arena and the figures."""
    from batuta.loader.engines.hf.load import load
    from batuta.loader.engines.hf.parking import Gate, Parking
    from batuta.loader.engines.transformers import _computer

    _be_quiet()
    params = {**PARAMS, "model": str(folder)}
    loaded = load(params, device)
    gc.collect()
    gc.freeze()  # as the process of a model does
    arena = loaded.arena
    if arena is None:
        raise RuntimeError("the model cannot be parked; the line above says why")
    computer = _computer(params, loaded)
    parking = Parking(Gate(), computer, arena, held=lambda: loaded.device_bytes)
    figures = Figures([], [], [], [], [], [], [])
    _answer(computer)
    for _ in range(runs):
        figures.park.append(_timed(parking.park))
        figures.weights.append(_timed(arena.bring))
        arena.drop()
        began = time.perf_counter()
        figures.wake.append(_timed(parking.wake))
        _answer(computer)
        figures.answer.append(time.perf_counter() - began)
    parking.park()
    _copies(arena, figures, runs)
    computer.close()
    _reloads(folder, device, figures, runs)
    return arena.size, figures


def _copies(arena: Any, figures: Figures, runs: int) -> None:
    """Copy the buffer into memory that is there, and into memory that has to be had first."""
    import torch

    buffer = arena._buffer  # noqa: SLF001  # the very pages that a wake reads
    for _ in range(runs):
        target = torch.empty_like(buffer, device=arena.device)
        _sync(arena.device)
        copy = partial(_copy, target, buffer, arena.device)
        figures.fresh.append(_timed(copy))
        figures.copy.append(_timed(copy))
        del target


def _copy(target: Any, source: Any, device: Any) -> None:
    target.copy_(source, non_blocking=True)
    _sync(device)


def _reloads(folder: Path, device: str, figures: Figures, runs: int) -> None:
    """Read the model by transformers alone, in a process that has everything imported."""
    import torch
    from transformers import AutoModelForCausalLM

    where = None if device == "cpu" else {"": device}
    model: Any = None
    for _ in range(min(runs, 3)):
        model = None
        began = time.perf_counter()
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map=where)
        if device == "cpu":  # the files may only have been mapped: a weight of each page is looked at
            for each in model.parameters():
                each.data.flatten()[:: PAGE // each.element_size()].sum()
        _sync(torch.device(device))
        figures.reload.append(time.perf_counter() - began)
    del model


def _answer(computer: Any) -> None:
    """Have one token said."""
    from batuta.loader.engines.hf.request import Sampling
    from batuta.loader.engines.hf.turns import Heard, Job

    over = threading.Event()
    heard: list[Heard] = []

    def tell(what: Heard) -> None:
        heard.append(what)
        if not isinstance(what, int):
            over.set()

    # Penalised, it takes turns beside a batch: only those can be asked for without an event loop.
    cancel = computer.submit(Job([70, 71, 72], 1, Sampling(temperature=0, seed=1), frozenset(), tell))
    is_over = over.wait(ANSWER_S)
    cancel()
    if not is_over or not isinstance(heard[0], int):
        raise RuntimeError(f"the model did not answer: {heard}")


def _be_quiet() -> None:
    import transformers

    logging: Any = transformers.utils.logging  # it has no types
    logging.disable_progress_bar()


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def _sync(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _device(wanted: str) -> str:
    from batuta.loader.engines.hf.load import choose_device

    found = choose_device(wanted)
    return found if found.startswith("cuda") else "cpu"


def _name(device: str) -> str:
    from batuta.loader.engines.hf.load import device_name

    return device_name(device)


# --- printing ------------------------------------------------------------------------------------------------------


def _print(size: int, figures: Figures, device: str) -> None:
    floor = median(figures.copy)
    bus = "RAM to RAM" if device == "cpu" else "page-locked RAM to the GPU"
    rows = [
        _row(f"copy, {bus}, into memory that is there", figures.copy, size, floor),
        _row(f"copy, {bus}, into new memory", figures.fresh, size, floor),
        _row("wake: the weights alone", figures.weights, size, floor),
        _row("wake: until requests are let in", figures.wake, size, floor),
        _row("wake: until the first token", figures.answer, size, floor),
        _row("plain from_pretrained, files in the page cache", figures.reload, size, floor),
        _row("park", figures.park, None, floor),
    ]
    columns = ["what", "p50 s", "p95 s", "GB/s", "x copy"]
    title = "## On tensors of the CPU" if device == "cpu" else f"## On {_name(device)}"
    print(table(title, columns, rows))


def _row(what: str, runs: Sequence[float], size: int | None, floor: float) -> list[str]:
    middle = median(runs)
    speed = None if size is None else size / middle / 1e9
    return [what, number(middle, 3), number(percentile(runs, 0.95), 3), number(speed, 1), number(middle / floor)]
