"""Writes settings as TOML a person would write: the values, and comments where there is something to say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def entry(table: str, values: Mapping[str, Any]) -> str:
    """Return one `[[table]]` with its values."""
    return "\n".join([f"[[{table}]]", *(f"{key(name)} = {value(given)}" for name, given in values.items())])


def value(given: Any) -> str:
    """Return a value as TOML: text, truth, number, list or map."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return str(int(given)) if isinstance(given, float) and given.is_integer() else repr(given)
    if isinstance(given, Mapping):
        return "{ " + ", ".join(f"{key(str(name))} = {value(inner)}" for name, inner in given.items()) + " }"
    if isinstance(given, list | tuple):
        return "[" + ", ".join(value(each) for each in given) + "]"
    return _text(str(given))


def key(name: str) -> str:
    """Return a key, in quotes where it needs them."""
    return name if _BARE.match(name) else _text(name)


def comment(lines: Iterable[str]) -> str:
    """Return lines as comments; what could end a comment is shown as an escape."""
    return "\n".join(f"# {_visible(line)}".rstrip() for text in lines for line in text.split("\n"))


def _text(text: str) -> str:
    """Return a string: several lines as they are where TOML lets them be, else one line with escapes."""
    flat = text.replace("\n", "")
    if "\n" in text and "'''" not in text and text.endswith("\n") and _visible(flat) == flat:
        return f"'''\n{text}'''"
    if "\\" in text and "'" not in text and "\n" not in text and _visible(text) == text:
        return f"'{text}'"
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
