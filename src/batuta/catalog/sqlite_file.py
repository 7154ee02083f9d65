"""Looks at a SQLite file before it is opened for good: sound, damaged, of another program, or not to be written.

Uses only the standard library, because it runs at every start. Blocks on the disk: run it in a thread.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batuta.catalog.rows import TABLES

COMPANIONS = ("-wal", "-shm", "-journal")  # files that belong to a database and move with it
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
WRITING = "mode=rw"
PATIENCE_S = 5.0  # for a backup program that is just reading
_SELECT = {name: "SELECT * FROM " + name for name in (*TABLES, "keys", "vault", "usage", "spending")}  # noqa: S608  # our own names
_SINCE = {name: _SELECT[name] + " WHERE day >= ?" for name in ("usage", "spending")}
_LOCKED = "mode=ro&immutable=1"
_VERSION = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Look:
    """What was found.

    Attributes:
        version: the schema's version; None for a database with nothing in it.
        damage: why it cannot be used, when it is damaged.
        stranger: it is sound, but its tables are another program's.
        locked: why it can be read but not written, when that is so.
        rows: what is in it, table by table, when its version is the one asked for.
    """

    version: str | None = None
    damage: str | None = None
    stranger: bool = False
    locked: str | None = None
    rows: Mapping[str, list[dict[str, Any]]] | None = None


def look(path: Path, *, schema: str) -> Look:
    """Check the whole file and read its version; and what is in it, if the version is `schema`.

    1. No file: one is made, for this user only.
    2. It can be opened for writing and is sound: its version.
    3. Damaged.
    4. It cannot be written: the same check without writing anything beside it.
    """
    try:
        _make(path)  # 1
    except OSError as error:
        return Look(locked=f"{path} cannot be made: {error.strerror or error}")
    try:
        return _check(path, WRITING, schema)  # 2
    except sqlite3.DatabaseError as error:
        if is_damage(error) or (_code(error) == sqlite3.SQLITE_READONLY and _is_writable(path)):
            return Look(damage=str(error))  # 3
        locked = f"{path} cannot be written: {error}"
    try:
        found = _check(path, _LOCKED, schema)  # 4
    except sqlite3.DatabaseError as error:
        return Look(damage=str(error)) if is_damage(error) else Look(locked=locked)
    return replace(found, locked=locked)


def _make(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _check(path: Path, how: str, schema: str) -> Look:
    try:
        return _checked(path, how, schema)
    except UnicodeDecodeError:  # SQLite repeats a damaged name in its message, which Python then cannot read
        raise sqlite3.DatabaseError("a name in it is no text") from None


def _checked(path: Path, how: str, schema: str) -> Look:
    address = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)) as base:
        if (said := base.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            return Look(damage=str(said))
        present = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if how == WRITING:
            base.execute("BEGIN IMMEDIATE")
            base.execute("ROLLBACK")
        if "alembic_version" not in present:
            return Look(stranger=bool(present))
        version = base.execute("SELECT version_num FROM alembic_version").fetchone()
        if version is None or not isinstance(version[0], str) or not _VERSION.fullmatch(version[0]):
            return Look(damage="its version is unreadable")
        rows = {name: _rows(base, name) for name in TABLES} if version[0] == schema else None
    return Look(version=version[0], rows=rows)


def _rows(base: sqlite3.Connection, table: str, since: str = "") -> list[dict[str, Any]]:
    found = base.execute(_SINCE[table], (since,)) if since else base.execute(_SELECT[table])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def rows(
    path: Path, names: Iterable[str], *, since: str = "", is_locked: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of these tables of a sound file, as `Store.rows` does. Raises sqlite3.Error."""
    address = f"{path.absolute().as_uri()}?{_LOCKED if is_locked else 'mode=ro'}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S)) as base:
        return {name: _rows(base, name, since) for name in names}


def settle(path: Path) -> bool:
    """Have everything that was written reach the disk; say whether it has.

    A commit survives the end of its process at once, but the loss of power only after this: with `synchronous =
    NORMAL` the log is not flushed at each commit.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{WRITING}", uri=True, timeout=PATIENCE_S)) as base:
            is_busy, in_log, moved = base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    return bool(is_busy == 0 and in_log == moved)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte; the rest are details


def is_damage(error: BaseException | None) -> bool:
    """Say whether this is SQLite finding the file damaged, not busy, full or out of reach."""
    return isinstance(error, sqlite3.Error) and _code(error) in _DAMAGED


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def quarantine(path: Path, stamp: str) -> Path:
    """Rename a damaged database and its companions so that nothing of it is lost; return its new path.

    Raises:
        OSError: it cannot be renamed.
    """
    base = f"{path.name}.damaged-{stamp}"
    kept, number = path.with_name(base), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{base}-{number}")
    path.rename(kept)
    for companion in COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(kept.with_name(kept.name + companion))
    return kept
