"""What the vault asks of SQLAlchemy. Imported when something is written first, because the import is slow.

Each coroutine runs in a transaction that the store opens and ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batuta.catalog.sql import upsert
from batuta.catalog.tables import keys, vault


async def erase_thoroughly(connection: AsyncConnection) -> None:
    """Have SQLite overwrite what it deletes from now on: old sealed keys do not stay behind in free pages."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA secure_delete = ON")


async def put_header(connection: AsyncConnection, row: Mapping[str, Any], since: int | None) -> bool:
    """Replace the head whose epoch is `since`, or write the first; say whether it was there, or there was none."""
    if since is None:
        if (await connection.execute(select(vault.c.id))).first() is not None:
            return False
        await connection.execute(insert(vault), dict(row))
        return True
    fitting = update(vault).where(vault.c.id == row["id"], vault.c.epoch == since).values(**row)
    return bool((await connection.execute(fitting)).rowcount == 1)


async def put_keys(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Insert the rows, replacing those that are there."""
    if rows:
        await upsert(connection, keys, rows)


async def update_keys(connection: AsyncConnection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Change some columns of some keys."""
    for key_id, values in changes.items():
        await connection.execute(update(keys).where(keys.c.id == key_id).values(**values))


async def delete_keys(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Delete the keys; fine if they are gone."""
    if ids:
        await connection.execute(delete(keys).where(keys.c.id.in_(ids)))


async def delete_headers(connection: AsyncConnection) -> None:
    """Delete the head: the next key founds a new vault."""
    await connection.execute(delete(vault))
