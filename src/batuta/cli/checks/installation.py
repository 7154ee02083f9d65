"""How this installation is: settings file, data folder, database, port, gateway and loader."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from batuta.cli.checks.findings import Finding, Health
from batuta.cli.config import without_password
from batuta.cli.ports import holder_of, is_free
from batuta.cli.record import GatewayRecord, is_alive, read_record
from batuta.settings import Settings, config_path, unknown_variables

AREA = "installation"
DATABASE = "batuta.db"


def settings_file(environ: Mapping[str, str], problem: str | None = None) -> Iterator[Finding]:
    """Tell where the settings file is, what is wrong with the settings, and which variables set nothing."""
    path = config_path(environ)
    if problem:
        advice = f"Correct the settings: the report names each mistake with its place (the file is {path})."
        yield Finding(AREA, "settings", Health.BROKEN, problem, advice, {"path": str(path)})
    else:
        yield Finding(AREA, "settings", Health.OK, str(path) if path.is_file() else f"defaults; {path} does not exist")
    for name, meant in unknown_variables(environ):
        hint = f"Did you mean {meant}? " if meant else ""
        text = "this environment variable sets nothing"
        yield Finding(AREA, name, Health.WARNING, text, f"{hint}Unset {name}, or give it its right name.")


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Tell whether the data folder can be written, and by others too."""
    folder = settings.data_dir
    advice = "Choose a data folder that you may write to, with --data-dir or BATUTA_DATA_DIR."
    if not folder.exists():
        parent = next(parent for parent in folder.parents if parent.exists())
        can_make = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
        text = (
            f"{folder} will be made at the first start"
            if can_make
            else f"{folder} cannot be made: {parent} is no folder that you may write to"
        )
        yield Finding(AREA, "data folder", Health.OK if can_make else Health.BROKEN, text, "" if can_make else advice)
        return
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(AREA, "data folder", Health.BROKEN, f"{folder} cannot be written", advice)
        return
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o022:
        text, advice = f"{folder} can be written by other users", f"Keep other users out of it: chmod 700 {folder}"
        yield Finding(AREA, "data folder", Health.WARNING, text, advice)
        return
    yield Finding(AREA, "data folder", Health.OK, str(folder))


def database(settings: Settings) -> Iterator[Finding]:
    """Tell whether the database is whole. A database on a server is named, not asked."""
    if settings.database_url and not settings.database_url.startswith("sqlite"):
        yield Finding(AREA, "database", Health.OK, f"{without_password(settings.database_url)} (not examined)")
        return
    path = database_file(settings)
    if not path.exists():
        yield Finding(AREA, "database", Health.OK, f"{path} will be made at the first start")
        return
    problem = database_problem(path)
    advice = f"Move {path} away; Batuta makes a new one and finds your models again." if problem else ""
    health = Health.BROKEN if problem else Health.OK
    yield Finding(AREA, "database", health, f"{path}: {problem or 'whole'}", advice)


def database_file(settings: Settings) -> Path:
    """Return the SQLite file of this installation."""
    if settings.database_url:
        return Path(settings.database_url.partition("///")[2] or DATABASE)
    return settings.data_dir / DATABASE


def database_problem(path: Path) -> str | None:
    """Return what is wrong with the SQLite file, None when it is whole. Only reads it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if verdict == "ok" else str(verdict)


def gateway(settings: Settings) -> Iterator[Finding]:
    """Tell whether a gateway runs here; if none does, whether its port is free."""
    record = running(settings)
    if record is not None:
        text = f"running at {record.url}, pid {record.pid}"
        yield Finding(AREA, "gateway", Health.OK, text, data={"running": True, "url": record.url, "pid": record.pid})
        return
    yield Finding(AREA, "gateway", Health.NOTE, "not running", data={"running": False})
    if settings.port == 0 or is_free(settings.host, settings.port):
        yield Finding(AREA, "port", Health.OK, f"{settings.port} is free" if settings.port else "any free one")
        return
    holder = holder_of(settings.port) or "a program that cannot be told"
    yield Finding(
        AREA,
        "port",
        Health.BROKEN,
        f"{settings.port} is held by {holder}",
        "Stop that program, or start Batuta on another port: batuta up --port 0",
    )


def running(settings: Settings) -> GatewayRecord | None:
    """Return the record of the gateway that runs on this data folder."""
    record = read_record(settings.run_dir)
    return record if record is not None and is_alive(record) else None
