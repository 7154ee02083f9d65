"""More ways of asking, written as plain lists: one TOML file for some topics or kinds, one template a line.

    python -m tools.starter.phrasings            checks every file and counts

A table a topic (or kind), in it the languages `en` and `pt`, each one text of lines. A line is a template of `grammar`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tools.starter.kinds import LANGUAGES, Phrasings

FOLDER = Path(__file__).parent


@cache
def of(model: str) -> Mapping[str, Phrasings]:
    """Return topic or kind -> language -> templates. model: brain | coder. Raises ValueError naming the file."""
    more: dict[str, Phrasings] = {}
    for file in sorted((FOLDER / model).glob("*.toml")):
        for name, ways in read(file).items():
            if name in more:
                raise ValueError(f"{file.name}: {name} has been given in another file")
            more[name] = ways
    return MappingProxyType(more)


def read(file: Path) -> dict[str, Phrasings]:
    """Return what one file holds. Raises ValueError naming the file and the table."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file.name}: {error}") from error
    for name, table in tables.items():
        if set(table) - set(LANGUAGES):
            raise ValueError(f"{file.name}: [{name}] may have {' and '.join(LANGUAGES)}, not {sorted(table)}")
    return {
        name: {language: _lines(table.get(language, "")) for language in LANGUAGES} for name, table in tables.items()
    }


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
