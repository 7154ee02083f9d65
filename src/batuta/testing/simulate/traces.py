"""Reads recorded workloads: a folder of CSV files becomes requests for models. Knows nothing of who decides.

The files are not part of the project (their licences and origins are named beside them); a folder is named by whoever
has them, with `--traces FOLDER` or BATUTA_TRACES. Where there is none, `standins` has streams of the same shapes.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from batuta.testing.simulate.demand import Arrival, Job, Step

FOLDER = "BATUTA_TRACES"

PAIR = {"brain": 13.0, "executor": 9.0}
ROLES = {"brain": 13.0, "coder": 9.0, "small": 2.0, "embed": 1.0}
EIGHT = (13.0, 13.0, 9.0, 9.0, 5.0, 5.0, 2.0, 2.0)
SERVEGEN = {"m-large": 13.0, "m-mid": 9.0, "m-small": 5.0, "deepseek-r1": 13.0, "mm-image": 5.0}

AZURE_KEEP = 1 / 20  # the hour has 8 requests a second: too many for one card
AZURE_STRETCH = 5.0
ARENA_STRETCH = 12.0


def folder_of(given: Path | None = None) -> Path | None:
    """Return the folder of recorded traces: the one that was named, or BATUTA_TRACES; None where there is none."""
    named = given or (Path(found) if (found := os.environ.get(FOLDER)) else None)
    return named if named is not None and named.is_dir() else None


def azure(folder: Path, *, seed: int = 1) -> list[Arrival]:
    """Return one hour of two services, thinned and stretched over five: conversation is brain, code is executor."""
    chance = random.Random(seed)
    rows = (row for row in _rows(folder / "azure_llm_2023.csv") if chance.random() < AZURE_KEEP)
    names = {"conv": "brain", "code": "executor"}
    return _stream(
        (float(r["t_s"]) * AZURE_STRETCH, names[r["service"]], int(r["n_in"]), int(r["n_out"])) for r in rows
    )


def arena(folder: Path) -> list[Arrival]:
    """Return the eight most asked models of a chat arena, ten minutes stretched over two hours."""
    rows = list(_rows(folder / "prism_arena_10min.csv"))
    top = {model for model, _ in Counter(row["model"] for row in rows).most_common(8)}
    return _stream(
        (float(r["t_s"]) * ARENA_STRETCH, r["model"], int(r["n_in"]), int(r["n_out"]))
        for r in rows
        if r["model"] in top
    )


def servegen(folder: Path) -> list[Arrival]:
    """Return a day of five models whose clients send bursts of hundreds: more than one card can answer."""
    rows = _rows(folder / "servegen_day_5models.csv")
    return _stream((float(r["t_s"]), r["model"], int(r["n_in"]), int(r["n_out"])) for r in rows)


def mooncake(folder: Path) -> list[Arrival]:
    """Return an hour of one chat model's long prompts: no swaps, only waiting for slots."""
    rows = _rows(folder / "mooncake_conversation.csv")
    return _stream((float(r["t_s"]), "brain", int(r["n_in"]), int(r["n_out"])) for r in rows)


def hybrid(path: Path, *, users: int = 3) -> list[list[Step]]:
    """Return the steps of the first `users` people who work with a brain, a coder and two small models.

    A step's pause is the think gap of the one before it; the first of a session comes its session gap later.
    """
    people: defaultdict[str, list[Step]] = defaultdict(list)
    pause: dict[str, float] = defaultdict(float)
    for row in _rows(path):
        user = row["user"]
        if row["step"] == "0":
            pause[user] += float(row["session_gap_s"])
        people[user].append(Step(pause[user], row["role"], int(row["n_in"]), int(row["n_out"])))
        pause[user] = float(row["think_gap_s"])
    return [people[user] for user in sorted(people)[:users]]


def shuffled_sizes(models: Iterable[str], sizes: Sequence[float] = EIGHT, *, seed: int = 1) -> dict[str, float]:
    """Give each model one of the sizes (GB), by chance."""
    names = sorted(models)
    mixed = random.Random(seed).sample(list(sizes), len(names))
    return dict(zip(names, mixed, strict=True))


def models_of(arrivals: Iterable[Arrival]) -> list[str]:
    """Return the models that are asked for."""
    return sorted({arrival.job.model for arrival in arrivals})


def _stream(rows: Iterable[tuple[float, str, int, int]]) -> list[Arrival]:
    return [Arrival(at, Job(f"r{i}", model, n_in, n_out)) for i, (at, model, n_in, n_out) in enumerate(rows)]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, packed or not."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text))
