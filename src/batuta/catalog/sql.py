"""What the store asks of SQLAlchemy. Imported in a thread when it is first needed, because the import is slow.

Each coroutine runs in a transaction that the store opens and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from batuta.catalog import tables
from batuta.catalog.rows import TABLES, Contents, contents_of
from batuta.catalog.tables import meta, models, providers
from batuta.errors import BadSettings

FAULTS = (SQLAlchemyError, OSError, OverflowError, UnicodeError)  # how a database says no

__all__ = ["FAULTS", "AsyncConnection", "AsyncEngine", "meta", "models", "providers"]


def server_engine(url: str) -> AsyncEngine:
    """Return an engine for a database server. Raises BadSettings when its driver is missing or the URL is wrong."""
    try:
        return create_async_engine(make_url(url), pool_size=2, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise BadSettings(f"database_url needs {error.name}: install batuta[postgres]") from None
    except (SQLAlchemyError, ValueError):  # its message could show the password
        raise BadSettings("database_url cannot be understood; write it postgresql://user@host/database") from None


def file_engine(path: Path) -> AsyncEngine:
    """Return an engine for a SQLite file that is there."""
    # One connection: SQLite has one writer, and a queue in front of it is better than a lock behind it.
    engine = create_async_engine(_address("sqlite+aiosqlite", path), pool_size=1, max_overflow=0)
    _set_up(engine.sync_engine)
    return engine


def _address(dialect: str, path: Path) -> str:
    return f"{dialect}:///{path.absolute().as_uri()}?mode=rw&uri=true"


def _set_up(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # Python's own transactions leave schema changes outside
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")  # with WAL: safe against a crash of ours, and quick
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


async def version(connection: AsyncConnection) -> str | None:
    """Return the schema's version, None for an empty database."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
        return None
    found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return None if found is None else str(found)


async def make(connection: AsyncConnection, newest: str) -> None:
    """Make the newest form at once; a test keeps it equal to what the steps lead to."""
    await connection.run_sync(tables.metadata.create_all)
    await connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    await connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": newest})


def bring_up_to_date(server: str | None, path: Path | None) -> None:
    """Run the steps that the database still lacks. Call it in a thread: alembic reads files."""
    if path is not None:
        engine = create_engine(_address("sqlite", path))
        _set_up(engine)
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
    elif server is not None:
        asyncio.run(_upgrade_server(server))  # its driver needs a loop, and this thread has none


async def _upgrade_server(url: str) -> None:
    engine = server_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def upgrade(connection: Connection) -> None:
    """Run the missing steps on a connection without a loop. Raises BadSettings for a version that never was."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "batuta.catalog:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise BadSettings(f"the database cannot be brought up to date: {error}") from None


async def read(connection: AsyncConnection) -> Contents:
    """Return everything of the catalog."""
    return contents_of(await rows(connection, TABLES))


async def rows(connection: AsyncConnection, names: Iterable[str], since: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return the rows of these tables; with `since`, those whose `day` is not before it."""
    everything = {}
    for name in names:
        table = tables.metadata.tables[name]
        wanted = select(table).where(table.c.day >= since) if since else select(table)
        found = await connection.execute(wanted)
        everything[name] = [dict(row) for row in found.mappings()]
    return everything


async def upsert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows, replacing those whose primary key is there."""
    (key,) = (column.name for column in table.primary_key)
    kind: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = kind.insert(table)
    new = {column.name: statement.excluded[column.name] for column in table.columns if column.name != key}
    await connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=new), rows)


async def delete_model(connection: AsyncConnection, model_id: str) -> None:
    """Delete a model; fine if it was never written."""
    await connection.execute(delete(models).where(models.c.id == model_id))


async def delete_provider(connection: AsyncConnection, provider_id: str) -> None:
    """Delete a provider; its models go with it."""
    await connection.execute(delete(providers).where(providers.c.id == provider_id))
