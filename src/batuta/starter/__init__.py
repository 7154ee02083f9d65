"""The starter pair: two very small models of the project's own, in the package, so that a bare machine answers.

Says where they are and what is known of them. Knows nothing of catalogs or engines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROLES = {"starter-brain": "brain", "starter-coder": "executor"}
"""Model -> the role it was made for. Also the stems of their files."""
_FIGURES = FOLDER / "figures.json"


@dataclass(frozen=True, slots=True)
class Score:
    """One measurement on requests that were held out of the training: right answers of those asked."""

    part: str
    right: int
    asked: int

    @property
    def share(self) -> float:
        """Right answers of all, 0..1."""
        return self.right / max(self.asked, 1)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a starter model.

    Attributes:
        parameters: numbers it is made of.
        tokens: of training text that it has seen.
        scores: as they were measured when it was made.
    """

    parameters: int
    tokens: int
    scores: tuple[Score, ...]


def files() -> tuple[Path, ...]:
    """Return the models' files that are in this package; none in an incomplete checkout."""
    return tuple(path for name in ROLES if (path := FOLDER / f"{name}.gguf").is_file())


def role_of(path: str) -> str | None:
    """Return the role that a bundled file was made for; None for any other file."""
    file = Path(path)
    return ROLES.get(file.stem) if file.parent == FOLDER else None


def card(model: str) -> Card | None:
    """Return what is known of a starter model; None for any other."""
    told = _figures().get(model)
    if told is None:
        return None
    scores = tuple(Score(part, int(each["right"]), int(each["asked"])) for part, each in told["scores"].items())
    return Card(int(told["parameters"]), int(told["tokens_seen"]), scores)


@cache
def _figures() -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(_FIGURES.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told
