"""Which model a person means by a name. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from batuta.catalog.discovery import model_stem, printable
from batuta.catalog.entities import ModelSpec
from batuta.catalog.records import LOCAL
from batuta.errors import ModelNotFound

LONGEST = 200  # characters of an unknown name that are looked at and repeated


def find(name: str, specs: Mapping[str, ModelSpec]) -> ModelSpec | None:
    """Return the model of that name, None if there is none or more than one.

    1. Its id.
    2. Its id in other letters, or its alias, if only one fits.
    3. Its path, or its name at its provider, if only one fits.
    4. Its file's name, with or without `.gguf`, if only one fits.
    """
    if (spec := specs.get(name)) is not None:  # 1
        return spec
    folded, everyone = name.casefold(), specs.values()
    return (
        _only(spec for spec in everyone if spec.id.casefold() == folded)  # 2
        or _only(spec for spec in everyone if name in spec.aliases)
        or _only(spec for spec in everyone if spec.address == name)  # 3
        or _only(spec for spec in everyone if spec.provider_id == LOCAL.id and folded in _file_names(spec.address))  # 4
    )


def _file_names(path: str) -> set[str]:
    return {PurePath(path).name.casefold(), model_stem(path).casefold()}


def _only(specs: Iterable[ModelSpec]) -> ModelSpec | None:
    first, *others = [*specs, None, None][:2]
    return first if others == [None] else None


def nearest(name: str, specs: Iterable[str]) -> list[str]:
    """Return the ids that are most like a name, best first; at most three."""
    return difflib.get_close_matches(printable(name[:LONGEST]), specs, n=3, cutoff=0.5)


def not_found(name: str, specs: Iterable[str], *, listing: str = "GET /manage/models") -> ModelNotFound:
    """Return the error for a name that is nobody's, with the nearest ids, or where all are listed."""
    shown = printable(name[:LONGEST])
    near = nearest(name, specs)
    hint = f"did you mean {' or '.join(near)}?" if near else f"{listing} lists what there is."
    return ModelNotFound(
        f"there is no model {shown!r} in the catalog; {hint}",
        model=shown,
        suggestion=near[0] if near else None,
        details={"nearest": near},
    )
