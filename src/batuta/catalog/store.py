"""Keeps the catalog in a database: SQLite in the data folder, or PostgreSQL by URL. Holds no secret.

SQLAlchemy costs most of a second to import. A SQLite file is therefore checked and read with the standard library at
start, and SQLAlchemy is loaded, in a thread, when something is to be written first; alembic only when an older
database has to be brought up to date. Knows nothing of discovery or of what a record means.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from batuta.catalog import sqlite_file
from batuta.catalog.entities import Provider
from batuta.catalog.records import ModelRecord, Problem
from batuta.catalog.rows import Contents, contents_of, model_row, provider_row
from batuta.catalog.sqlite_file import Look
from batuta.errors import BadSettings, HostError

if TYPE_CHECKING:
    from batuta.catalog.sql import AsyncConnection, AsyncEngine

SCHEMA: Final = "0005"  # the version this code reads and writes; the newest step in migrations/versions
FILE: Final = "batuta.db"
_SERVERS = {"postgresql", "postgres"}
T = TypeVar("T")
Work = Callable[["AsyncConnection"], Coroutine[Any, Any, T]]


class NotSaved(HostError):
    """The database cannot be written or read now; nothing was changed."""

    code = "not_saved"


class StoreTooNew(HostError):
    """Start-up: a newer Batuta made this database."""

    code = "store_too_new"


class Store:
    """One database: `open` it once, save what changes, `aclose` it.

    Args:
        url: `sqlite:///path` or `postgresql://...`; it may hold a password, which is never shown.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        kind = scheme.partition("+")[0]
        if not separator or kind not in {"sqlite", *_SERVERS}:
            raise BadSettings("database_url must begin with sqlite:/// or postgresql://")
        self._server = f"postgresql+asyncpg://{rest}" if kind in _SERVERS else None
        self._path = None if self._server else Path(rest.removeprefix("/"))
        self._engine: AsyncEngine | None = None
        self._locked: str | None = None
        self._lacks_tables = False
        self._is_open = False
        self._connecting = asyncio.Lock()
        self._problems: list[Problem] = []

    @classmethod
    def in_folder(cls, folder: Path) -> Store:
        """Return the store that a data folder has by default."""
        return cls(f"sqlite:///{folder / FILE}")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a person should know of the database: it was damaged, or it cannot be written."""
        return tuple(self._problems)

    # Opening ------------------------------------------------------------------------------------------------

    async def open(self) -> Contents:
        """Open the database, bring it up to date and return what is in it.

        1. A damaged file is kept under another name, and an empty one takes its place.
        2. Where nothing can be written, what is there is read, and every save fails.
        3. A newer version, or another program's tables: refused, and left as they are.
        4. Empty: the tables are made. Older than the code: alembic brings it up to date.

        Raises:
            StoreTooNew: a newer Batuta made it; the message says which version.
            BadSettings: it is another program's, or its driver is missing.
            NotSaved: the server cannot be reached.
        """
        self._is_open = True
        try:
            contents = await (self._open_server() if self._server else self._open_file())
        except HostError:
            await self.aclose()
            raise
        self._problems += [Problem(self._shown, text) for text in contents.unreadable]
        return contents

    async def _open_file(self) -> Contents:
        found = await asyncio.to_thread(self._look)
        self._refuse_newer(found.version)
        if found.version is None:
            self._lacks_tables = True  # 4, when something is written first
        elif found.rows is None and not self._locked:
            await self._upgrade()  # 4
            found = await asyncio.to_thread(self._look)
        return contents_of(found.rows) if found.rows else Contents()

    async def _open_server(self) -> Contents:
        await self._connect()  # in a thread; the next line finds it loaded
        from batuta.catalog import sql

        version = await self._do(sql.version)
        self._refuse_newer(version)
        if version is None:
            await self._do(lambda connection: sql.make(connection, SCHEMA))  # 4
        elif version != SCHEMA:
            await self._upgrade()  # 4
        return await self._do(sql.read)

    async def _upgrade(self) -> None:
        await self._connect()
        from batuta.catalog import sql

        try:
            await asyncio.to_thread(sql.bring_up_to_date, self._server, self._path)
        except sql.FAULTS as error:
            raise self._refused(error) from None

    def _refuse_newer(self, version: str | None) -> None:
        if version is not None and version > SCHEMA:  # 3
            raise StoreTooNew(
                f"{self._shown} has schema version {version}, and this Batuta knows versions up to {SCHEMA}. "
                "Install the Batuta that made it, or name another database."
            )

    def _look(self) -> Look:
        assert self._path is not None
        found = sqlite_file.look(self._path, schema=SCHEMA)
        if found.stranger:  # 3
            raise BadSettings(f"{self._path} is a database of another program; name another one in database_url")
        if found.damage:  # 1
            self._quarantine(found.damage)
            return Look()
        if found.locked:  # 2
            self._lock(found.locked)
        return found

    def _quarantine(self, damage: str) -> None:
        assert self._path is not None
        try:
            kept = sqlite_file.quarantine(self._path, time.strftime("%Y%m%d-%H%M%S"))
        except OSError as error:
            self._lock(f"{self._path} is damaged ({damage}) and cannot be renamed: {error.strerror or error}")
            return
        if locked := sqlite_file.look(self._path, schema=SCHEMA).locked:
            self._lock(locked)
        self._problems.append(
            Problem(
                str(self._path),
                f"it was damaged ({damage}) and is kept as {kept.name}; an empty one took its place. Models are found "
                "again by themselves, but pins, roles, names, added providers and keys have to be set again.",
            )
        )

    def _lock(self, reason: str) -> None:
        self._locked = reason
        self._problems.append(Problem("settings", f"changes cannot be saved: {reason}"))

    @property
    def _shown(self) -> str:
        return str(self._path) if self._path else "the database"

    # Saving -------------------------------------------------------------------------------------------------

    async def save_models(self, records: Iterable[ModelRecord]) -> None:
        """Write these records, new or changed, all or none. Raises NotSaved."""
        if records := tuple(records):
            await self._be_ready()
            from batuta.catalog import sql

            rows = [model_row(record) for record in records]
            await self._do(lambda connection: sql.upsert(connection, sql.models, rows))

    async def save_providers(self, providers: Iterable[tuple[Provider, str]]) -> None:
        """Write these providers and their sources, all or none. Raises NotSaved."""
        if providers := tuple(providers):
            await self._be_ready()
            from batuta.catalog import sql

            rows = [provider_row(provider, source) for provider, source in providers]
            await self._do(lambda connection: sql.upsert(connection, sql.providers, rows))

    async def delete_provider(self, provider_id: str) -> None:
        """Delete a provider and the models it served. Raises NotSaved."""
        await self._be_ready()
        from batuta.catalog import sql

        await self._do(lambda connection: sql.delete_provider(connection, provider_id))

    async def delete_model(self, model_id: str) -> None:
        """Delete a model with what was set about it; fine if it was never saved. Raises NotSaved."""
        await self._be_ready()
        from batuta.catalog import sql

        await self._do(lambda connection: sql.delete_model(connection, model_id))

    async def save_meta(self, key: str, value: str) -> None:
        """Remember a fact about the catalog itself. Raises NotSaved."""
        await self._be_ready()
        from batuta.catalog import sql

        await self._do(lambda connection: sql.upsert(connection, sql.meta, [{"key": key, "value": value}]))

    # For neighbours that keep tables of their own here ---------------------------------------------------------

    async def rows(self, *names: str, since: str = "") -> Mapping[str, list[dict[str, Any]]]:
        """Return the rows of these tables, without SQLAlchemy where it is not loaded anyway. Raises NotSaved.

        Args:
            names: the tables.
            since: only rows whose `day` is not before this; empty: every row.
        """
        if self._lacks_tables:
            return {name: [] for name in names}
        if self._path is None or self._engine is not None:
            await self._connect()
            from batuta.catalog import sql

            return await self._do(lambda connection: sql.rows(connection, names, since))
        try:
            return await asyncio.to_thread(
                sqlite_file.rows, self._path, names, since=since, is_locked=bool(self._locked)
            )
        except sqlite3.Error as error:
            raise self._refused(error) from None

    async def run(self, work: Work[T]) -> T:
        """Run `work` in one transaction that is written or undone as a whole. Raises NotSaved."""
        await self._be_ready()
        return await self._do(work)

    async def settle(self) -> bool:
        """Have what was written survive a power cut, which else may undo the last moments; say whether it does now."""
        if self._path is None:  # a server promises that with every commit
            return True
        return await asyncio.to_thread(sqlite_file.settle, self._path)

    async def _be_ready(self) -> None:
        """Have SQLAlchemy loaded, in a thread: on the loop's, all would stop for a second. Raises NotSaved."""
        if self._locked:
            raise NotSaved(f"the change was not saved: {self._locked}")
        await self._connect()

    async def _do(self, work: Work[T]) -> T:
        """Run `work` in one transaction. Raises NotSaved."""
        engine = await self._connect()
        from batuta.catalog import sql

        try:
            async with engine.begin() as connection:
                if self._lacks_tables:
                    await sql.make(connection, SCHEMA)
                result = await work(connection)
        except sql.FAULTS as error:
            raise self._refused(error) from None
        self._lacks_tables = False
        return result

    def _refused(self, error: Exception) -> NotSaved:
        # The statement and its values stay out of the message: only what the database itself said is told.
        return NotSaved(f"the change was not saved: {self._shown} says {getattr(error, 'orig', None) or error}")

    async def _connect(self) -> AsyncEngine:
        async with self._connecting:
            if not self._is_open:
                raise NotSaved("the change was not saved: the database is closed")
            if self._engine is None:
                try:
                    self._engine = await asyncio.to_thread(_engine, self._server, self._path)
                except OSError as error:  # a module is read here as well, and there may be no descriptor left for it
                    raise NotSaved(f"the change was not saved: {error.strerror or error}") from None
            return self._engine

    async def aclose(self) -> None:
        """Close the database."""
        self._is_open = False
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()


def _engine(server: str | None, path: Path | None) -> AsyncEngine:
    from batuta.catalog import sql  # slow the first time: that is why this runs in a thread

    if server:
        return sql.server_engine(server)
    assert path is not None
    return sql.file_engine(path)
