"""Command lines in the settings: cut into words, macros put in. Pure; runs nothing, and no shell ever sees them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Final

PORT: Final = "PORT"
PID: Final = "PID"
ENV: Final = "env."  # ${env.NAME}: a variable of the gateway's own environment

MACROS: Final[Mapping[str, str]] = {
    PORT: "the port its server is to listen on",
    "MODEL_ID": "the entry's id",
    "MODELS_DIR": "the first models folder",
    "DATA_DIR": "Batuta's data folder",
}
"""Macros of every command line -> what they stand for."""

_MACRO: Final = re.compile(r"\$\{([^{}]*)\}")
_CONTINUED: Final = re.compile(r"\\\r?\n")
_COMMENT: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OPERATORS: Final = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1", "&>"})


def split(text: str) -> tuple[str, ...]:
    """Return the words of a command line; quotes hold a word together, lines that begin with # are comments.

    Raises:
        ValueError: it is empty, its quotes do not match, or it needs a shell.
    """
    if "\0" in text:
        raise ValueError("it holds a zero byte")
    try:
        words = shlex.split(_COMMENT.sub("", _CONTINUED.sub(" ", text)))
    except ValueError as error:
        raise ValueError(f"its quotes do not match ({error}); put words with spaces in '...' or \"...\"") from None
    if not words or not words[0]:
        raise ValueError("it names no program")
    if operators := [word for word in words if word in _OPERATORS]:
        raise ValueError(
            f"{operators[0]} means nothing here, because no shell runs it; put the line into a script, or into "
            "sh -c '...'"
        )
    return tuple(words)


def macros(text: str) -> list[str]:
    """Return the names of the macros in a text, in order."""
    return _MACRO.findall(text)


def check_macros(text: str, more: Collection[str] = ()) -> None:
    """Raise ValueError for a macro that is none of ours. `more`: those allowed beside MACROS."""
    known = [*MACROS, *more]
    for name in macros(text):
        if name in known or (name.startswith(ENV) and _VARIABLE.match(name.removeprefix(ENV))):
            continue
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        hint = f"did you mean ${{{near[0]}}}?" if near else f"there are {', '.join(f'${{{m}}}' for m in known)}"
        raise ValueError(f"${{{name}}} is no macro; {hint}, and ${{env.NAME}} for a variable of the environment")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put in the macros that have a value; others stay as they are. What is put in is not looked at again."""
    return _MACRO.sub(lambda match: values.get(match[1], match[0]), text)


def variables(texts: Iterable[str]) -> list[str]:
    """Return the names of the environment variables that texts ask for, sorted."""
    found = {name.removeprefix(ENV) for text in texts for name in macros(text) if name.startswith(ENV)}
    return sorted(found)
