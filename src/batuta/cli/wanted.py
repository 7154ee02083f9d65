"""What a person wants of the models at the start, and whether what was found is that. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batuta.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """The models that the settings name, and the folder that new ones go into."""

    brain: str | None = None
    executor: str | None = None
    folder: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Wanted:
        """Return what the settings want."""
        return cls(settings.brain, settings.executor, settings.model_roots[0])

    def found(self, count: int) -> str:
        """Return how many models there are, in words, and what to do when there are none."""
        if count:
            return f"{count} model{'' if count == 1 else 's'}"
        return f"none yet: put a .gguf into {self.folder}" if self.folder else "none yet"

    def problem(self, models: Collection[str]) -> str:
        """Return which of the named models is not among those found; empty when all are, or may still come."""
        return "; ".join(self.problems(models))

    def problems(self, models: Collection[str]) -> Iterator[str]:
        """Yield a sentence for each named model that is not among those found."""
        for role, name in (("brain", self.brain), ("executor", self.executor)):
            if name and not is_elsewhere(name) and not is_among(name, models):
                near = next(iter(get_close_matches(name, [*models], n=1, cutoff=0.5)), None)
                hint = f"did you mean {near}?" if near else "`batuta models` lists what there is"
                yield f"there is no model {name!r} to be the {role}; {hint}"


def is_elsewhere(name: str) -> bool:
    """Whether a name means a model of a server, which may list it later: `ollama/qwen`."""
    return "/" in name and not name.lower().endswith(".gguf") and not name.startswith(("/", "~", "."))


def is_among(name: str, models: Collection[str]) -> bool:
    """Whether one of the ids is meant by `name`: an id, a path or a file's name; a clash gave it a number."""
    folded = [model.casefold() for model in models]
    stem = Path(name).name.casefold().removesuffix(".gguf")
    return name.casefold() in folded or any(
        each == stem or (each.startswith(f"{stem}-") and each.removeprefix(f"{stem}-").isdigit()) for each in folded
    )
