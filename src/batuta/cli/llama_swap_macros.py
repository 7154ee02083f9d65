"""llama-swap's macros: put in as text, the way it does it, where Batuta has none of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from batuta.command_line import ENV, MACROS, PID

_MACRO: Final = re.compile(r"\$\{([^{}]*)\}")
LONGEST: Final = 64 * 1024  # characters of a text with its macros put in; a command line has some hundred
DEEPEST: Final = 20  # macros within macros
OURS: Final = frozenset({"PORT", "MODEL_ID", PID})
"""Macros that mean the same in Batuta and stay as they are, as `${env.NAME}` does."""


class BadMacro(ValueError):
    """A macro that does not exist, holds itself, or grows beyond all bounds."""


def table(*levels: Any) -> dict[str, str]:
    """Return macro -> text of several levels, the later before the earlier. Raises BadMacro for what cannot be one."""
    known: dict[str, str] = {}
    for level in levels:
        if level is None:
            continue
        if not isinstance(level, Mapping):
            raise BadMacro("macros is not a map of names to texts")
        for name, given in level.items():
            if not isinstance(given, str | int | float | bool):
                raise BadMacro(f"the macro {name} is not a text, a number or a truth value")
            known[str(name)] = str(given).lower() if isinstance(given, bool) else str(given)
    return known


def put_in(text: str, known: Mapping[str, str]) -> str:
    """Return the text with macros put in, also those within macros. Raises BadMacro."""
    return _put_in(text, known, ())


def _put_in(text: str, known: Mapping[str, str], within: tuple[str, ...]) -> str:
    def text_of(match: re.Match[str]) -> str:
        name = match[1]
        if name in OURS or name.startswith(ENV):
            return match[0]
        if name in within or len(within) >= DEEPEST:
            raise BadMacro(f"the macro {name} holds itself")
        if name not in known:
            raise BadMacro(f"${{{name}}} is no macro of the file{' (it is one of Batuta)' if name in MACROS else ''}")
        return _put_in(known[name], known, (*within, name))

    # Pieces, not one substitution: a text that doubles with each macro has to be stopped before it is made.
    pieces: list[str] = []
    length = end = 0
    for match in _MACRO.finditer(text):
        pieces += [text[end : match.start()], text_of(match)]
        length += len(pieces[-1]) + len(pieces[-2])
        end = match.end()
        if length > LONGEST:
            raise BadMacro(f"a text is longer than {LONGEST} characters with its macros put in")
    return "".join([*pieces, text[end:]])
