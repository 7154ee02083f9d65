"""Writes the training text of a starter model: conversations made from templates, one JSON array of turns a line.

    python -m tools.starter.corpus brain --conversations 60000 --out FILE

The same seed gives the same text. Nothing of `heldout` is read here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from random import Random

from tools.starter.dialogue import Conversation, Turn
from tools.starter.kinds import LANGUAGES

# Model -> how often a conversation has several exchanges.
SEVERAL = {"brain": 0.03, "coder": 0.1}


def conversations(model: str, seed: int, *, longest: int = 4) -> Iterator[Conversation]:
    """Yield conversations without end. model: brain | coder; longest: exchanges in one."""
    rng = Random(seed)
    lesson = import_module(f"tools.starter.{model}.exchanges")
    while True:
        turns: list[Turn] = [Turn("system", rng.choice(lesson.SYSTEM))] if rng.random() < 0.15 else []
        language = rng.choice(LANGUAGES)
        count = rng.randint(2, longest) if rng.random() < SEVERAL[model] else 1
        for _ in range(count):
            if rng.random() < 0.1:  # people change the language in the middle
                language = rng.choice(LANGUAGES)
            turns += lesson.exchange(rng, language)
        yield tuple(turns)


def write(model: str, count: int, seed: int, out: Path, on_progress: Callable[[int], None] | None = None) -> None:
    """Write `count` conversations to a file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        for number, turns in enumerate(conversations(model, seed)):
            if number == count:
                return
            told = [[turn.role, turn.content, *([turn.topic] if turn.topic else [])] for turn in turns]
            file.write(json.dumps(told, ensure_ascii=False) + "\n")
            if on_progress is not None and number % 10_000 == 0:
                on_progress(number)


def main() -> None:
    """Write the text that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.corpus", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("brain", "coder"))
    parser.add_argument("--conversations", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    wanted = parser.parse_args()
    write(wanted.model, wanted.conversations, wanted.seed, wanted.out, lambda n: print(f"{n:>8} conversations"))
    print(f"{wanted.out}: {wanted.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
