"""What values in the settings may look like: sizes, folders, lists. Knows no setting."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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


def parse_sizes(value: object) -> object:
    """Turn one size, or a size for each of some devices, into bytes or a dict of bytes.

    The sizes of devices are a table, or a text like `host=12GB,cuda:0=14GB`.
    """
    if isinstance(value, str) and "=" in value:
        value = dict(_assigned(part) for part in value.split(",") if part.strip())
    if isinstance(value, Mapping):
        return {str(device): _size_of(str(device), size) for device, size in value.items()}
    return value if value is None else _size_of("", value)


def _assigned(part: str) -> tuple[str, str]:
    device, equals, size = part.partition("=")
    if not equals or not device.strip():
        raise ValueError(f"{part.strip()!r} is not a size for a device; write it like host=12GB,cuda:0=14GB")
    return device.strip(), size


def _size_of(device: str, value: object) -> int:
    where = f"for {device}: " if device else ""
    if isinstance(value, Mapping):  # cuda.0 = ... in TOML
        hint = ", ".join(f'"{device}:{number}"' for number in value)
        raise ValueError(f"{where}a size is needed, not a table; a device's name goes in quotes: {hint or device}")  # noqa: TRY004  # pydantic explains ValueErrors
    try:
        size = parse_size(value)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ValueError(f"{where}{value!r} is not a size; write it like 16GB, 900MB or 12GiB")
    return size


def _paths(value: object) -> object:
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    # A child process may have another working folder.
    return path.expanduser().absolute()


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Sizes = Annotated[int | dict[str, int] | None, BeforeValidator(parse_sizes)]
Folder = Annotated[Path, AfterValidator(_absolute)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]  # in the environment: separated by commas
Folders = Annotated[tuple[Folder, ...], BeforeValidator(_paths)]


class Section(BaseModel):
    """A group of settings: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
