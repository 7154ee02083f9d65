"""Reads a YAML file that somebody else wrote: no code in it is run, and none of it can grow beyond its size.

Knows nothing of what the file means.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Final

from batuta.errors import BadSettings

LARGEST_FILE: Final = 1 << 20  # bytes; a long configuration has some 20 KiB
MOST_NODES: Final = 100_000  # values once every anchor is put in where it is named
DEEPEST: Final = 50

_OPEN_FAULTS: Final = {
    errno.ENOENT: "there is no such file",
    errno.EISDIR: "it is a folder",
    errno.EACCES: "this user may not read it",
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Return what a YAML file holds, which has to be a map.

    Raises:
        BadSettings: it cannot be read, is no YAML, is not a map, or is made to exhaust its reader.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        why = _OPEN_FAULTS.get(error.errno or 0, error.strerror or str(error))
        raise BadSettings(f"{path} cannot be read: {why}") from None
    if len(raw) > LARGEST_FILE:
        raise BadSettings(f"{path} is larger than {LARGEST_FILE >> 10} KiB; that is no configuration file")
    try:
        return parse_yaml(raw.decode("utf-8-sig"), where=str(path))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadSettings(f"{path} is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line})") from None


def parse_yaml(text: str, *, where: str) -> dict[str, Any]:
    """Return what a YAML text holds, see `read_yaml`. `where` names it in messages."""
    # Imported here: no other command needs it, and an installation may have been made without it.
    try:
        import yaml  # type: ignore[import-untyped]  # it brings no types
    except ImportError:
        raise BadSettings("reading YAML needs the package PyYAML, which is not installed: pip install pyyaml") from None
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            _check(node, where)
        content = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise BadSettings(f"{where} is not valid YAML: {_told(error)}") from None
    except (ValueError, OverflowError) as error:  # a date that does not exist, a number beyond all bounds
        raise BadSettings(f"{where} holds a value that cannot be read: {error}") from None
    except RecursionError:
        raise BadSettings(f"{where} is nested too deeply to be a configuration file") from None
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise BadSettings(f"{where} is not a map of settings (name: value); is it the right file?")
    return content


def _check(root: Any, where: str) -> None:
    """Refuse a tree that would grow without end, and keys that are given twice.

    An anchor is a few bytes and may stand for everything before it: ten lines can be a thousand million values.
    Sizes are counted once a node, so that counting them takes no longer than reading the file.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any, depth: int) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise BadSettings(f"{where}, line {node.start_mark.line + 1}: an anchor that holds itself")
        if depth > DEEPEST:
            raise BadSettings(f"{where}, line {node.start_mark.line + 1}: nested more than {DEEPEST} levels deep")
        open_nodes.add(id(node))
        total = 1 + sum(size(child, depth + 1) for child in _children(node, where))
        open_nodes.discard(id(node))
        if total > MOST_NODES:
            raise BadSettings(f"{where} would be more than {MOST_NODES} values with its anchors put in")
        sizes[id(node)] = total
        return total

    size(root, 0)


def _children(node: Any, where: str) -> list[Any]:
    if node.id == "scalar":
        return []
    if node.id == "sequence":
        return list(node.value)
    seen: set[str] = set()
    for key, _ in node.value:
        name = key.value if key.id == "scalar" else None
        if name is not None and name != "<<" and name in seen:
            raise BadSettings(f"{where}, line {key.start_mark.line + 1}: {name} is given twice; keep one of them")
        seen.add(str(name))
    return [part for pair in node.value for part in pair]


def _told(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    if what.startswith("but ") and error.context:
        what = f"{error.context}, {what}"
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}" if mark else str(what)
