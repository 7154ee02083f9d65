"""Puts trained starter models and their figures where the package ships them, and writes their README.

    python -m tools.starter.report --brain FOLDER --coder FOLDER

Each folder is one that train.py worked in, with the GGUF of export.py below `out/` and the scores of evaluate.py in
`scores.json`. The README says the scores as they were measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "batuta" / "starter"
HEAD = """# The starter pair

Two very small language models that come with Batuta, so that a machine with no GPU, no other engine, no key and no
network answers at all. They are demonstrations: they know a little about using Batuta and can write short programs.
Put a real model beside them, and it answers instead.

- **starter-brain** greets, says what it is, answers questions about using Batuta in English and Brazilian Portuguese,
  holds simple small talk, writes short JSON plans for tasks it knows, and says plainly when it does not know.
- **starter-coder** writes short Python programs of some {kinds} kinds, with the names and numbers of the request, and
  repairs such a program from its error text.

Both were trained from nothing by `tools/starter` of this repository on text that the repository generates. The weights
are the project's own, under the Apache License 2.0 (`LICENSE` beside this file). No text of others went into them.

## Scores

Measured through llama.cpp, with the likeliest token each time, on phrasings and values that were held out of the
training: `python -m tools.starter.evaluate brain|coder --gguf FILE`.

| model | part | right | asked | share |
|---|---|---|---|---|
"""
TAIL = """
A program counts as right when it runs, in a process with limits and an empty environment, and prints what the kind's
own program prints. An answer is on topic when it holds every fact that it must. A plan is right when it is valid JSON
of the documented shape and its code steps are the tasks, word by word.

## How they were made

| | starter-brain | starter-coder |
|---|---|---|
"""


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.report", description=__doc__.splitlines()[0])
    parser.add_argument("--brain", type=Path, required=True)
    parser.add_argument("--coder", type=Path, required=True)
    wanted = parser.parse_args()
    told: dict[str, dict[str, Any]] = {}
    for name, work in (("starter-brain", wanted.brain), ("starter-coder", wanted.coder)):
        shutil.copyfile(work / "out" / f"{name}.gguf", PACKAGE / f"{name}.gguf")
        run = json.loads((work / "run.json").read_text(encoding="utf-8"))
        scores = json.loads((work / "scores.json").read_text(encoding="utf-8"))
        told[name] = {**run, "scores": scores["parts"], "looping": scores["looping"], "asked": scores["asked"]}
    (PACKAGE / "figures.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(PACKAGE.parents[2] / "LICENSE", PACKAGE / "LICENSE")
    (PACKAGE / "README.md").write_text(readme(told), encoding="utf-8")


def readme(told: dict[str, dict[str, Any]]) -> str:
    """Return the README's text. told: model -> the figures of its run and its scores."""
    from tools.starter.coder.exchanges import KINDS  # many files, which other callers do not need

    rows = [
        f"| {name} | {part} | {each['right']} | {each['asked']} | {each['right'] / each['asked']:.1%} |"
        for name, figures in told.items()
        for part, each in figures["scores"].items()
    ]
    rows += [
        f"| {name} | empty or looping answers | {figures['looping']} | {figures['asked']} | |"
        for name, figures in told.items()
    ]
    brain, coder = told["starter-brain"], told["starter-coder"]
    facts: dict[str, Callable[[dict[str, Any]], str]] = {
        "parameters": lambda f: f"{f['parameters']:,}",
        "layers, width, heads (of keys)": lambda f: (
            f"{f['shape']['layers']}, {f['shape']['width']}, {f['shape']['heads']} ({f['shape']['kv_heads']})"
        ),
        "vocabulary, context": lambda f: f"{f['shape']['vocabulary']:,}, {f['shape']['context']:,} tokens",
        "tokens of text seen": lambda f: f"{f['tokens_seen']:,}",
        "steps": lambda f: f"{f['steps']:,}",
        "processor time, one core": lambda f: f"{f['seconds'] / 60:.0f} min",
        "last loss": lambda f: f"{f['losses'][-1][1]}",
    }
    made = [f"| {name} | {say(brain)} | {say(coder)} |" for name, say in facts.items()]
    head = HEAD.format(kinds=len(KINDS))
    return head + "\n".join(rows) + "\n" + TAIL + "\n".join(made) + "\n"


if __name__ == "__main__":
    main()
