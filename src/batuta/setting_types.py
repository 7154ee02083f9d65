"""What values in the settings may look like: sizes, folders, lists. Knows no setting."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(value: object) -> object:
    """Turn `16GB`, `16 GiB`, `512M` or a number into bytes; GB counts in thousands, GiB in 1024s."""
    if isinstance(value, str):
        if not (match := _SIZE.match(value)):
            raise ValueError(f"{value!r} is not a size; write it like 16GB, 900MB or 12GiB")
        number, unit, binary = match.groups()
        return int(float(number) * (1024 if binary else 1000) ** _POWER[unit.lower()])
    return value


def _paths(value: object) -> object:
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    # A child process may have another working folder.
    return path.expanduser().absolute()


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Folder = Annotated[Path, AfterValidator(_absolute)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]  # in the environment: separated by commas
Folders = Annotated[tuple[Folder, ...], BeforeValidator(_paths)]


class Section(BaseModel):
    """A group of settings: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
