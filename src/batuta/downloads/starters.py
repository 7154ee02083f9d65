"""The catalogue of models that are offered for download: read from data, dated, a person's own file on top.

Knows no names itself, and nothing of the network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import batuta.catalog
from batuta.downloads.names import parse
from batuta.errors import BadSettings, BatutaError
from batuta.setting_types import Size

OURS = Path(batuta.catalog.__file__).parent / "known" / "starters.toml"
FILE_NAME = "starters.toml"  # in the folder of the settings file
ROOM = 1.1  # of a model's file: its cache of a short conversation and its buffers come on top
FLOOR = 300_000_000  # bytes beside the file that even the smallest one takes


class Starter(BaseModel):
    """One entry of the catalogue.

    Attributes:
        name: what a person types.
        title: what a person reads.
        source: where it is, as `hf:...`.
        size: bytes, about.
        licence: as its card says.
        machine: the least machine it is meant for.
        use: chat, code or embedding.
        is_default: the first choice for that machine and use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str = Field(min_length=1, max_length=80)
    source: str = Field(pattern=r"^hf:")
    size: Size
    licence: str = Field(min_length=1, max_length=80)
    machine: str = Field(alias="class", default="any", max_length=20)
    use: str = Field(default="chat", pattern="^(chat|code|embedding)$")
    is_default: bool = Field(alias="default", default=False)

    def fits(self, budgets: Iterable[int]) -> bool:
        """Say whether a device with one of these budgets (bytes) holds it, by what its file takes."""
        need = int(self.size * ROOM) + FLOOR
        return any(need <= budget for budget in budgets)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries by name, in order, and the date they are of. `problem`: why a person's own file was left out."""

    date: str
    starters: Mapping[str, Starter]
    problem: str = ""

    @property
    def sources(self) -> dict[str, str]:
        """Name -> source."""
        return {name: starter.source for name, starter in self.starters.items()}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    date: str = ""
    starters: tuple[Starter, ...] = ()


def read(own: Path | None) -> Catalogue:
    """Return the catalogue, with a person's file `own` on top of it if there is one. Blocks on the disk."""
    ours = _read(OURS)
    entries = {starter.name: starter for starter in ours.starters}
    try:
        added = _read(own) if own is not None else _File()
    except FileNotFoundError:
        added = _File()
    except BadSettings as error:
        return Catalogue(ours.date, entries, error.message)
    entries |= {starter.name: starter for starter in added.starters}
    return Catalogue(max(ours.date, added.date), entries)


def _read(path: Path) -> _File:
    """Return what a file says. Raises FileNotFoundError, and BadSettings for what it cannot mean."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        found = _File.model_validate(raw)
        for starter in found.starters:
            parse(starter.source, {})
    except FileNotFoundError:
        raise
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadSettings(f"{path} is left out: {where}: {first['msg']}") from None
    except BatutaError as error:
        raise BadSettings(f"{path} is left out: {error.message}") from None
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path} is left out: {error}") from None
    return found
