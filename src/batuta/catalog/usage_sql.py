"""What the usage store asks of SQLAlchemy. Imported when something is written first, because the import is slow.

Each coroutine runs in a transaction that the store opens and ends.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from batuta.catalog.tables import spending, usage

__all__ = ["add", "drop_spending", "spending", "usage"]


async def add(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows; where one is there already, add the numbers to its own."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    kind: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = kind.insert(table)
    sums = {c.name: c + statement.excluded[c.name] for c in table.columns if c.name not in keys}
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums), rows)


async def drop_spending(connection: AsyncConnection, before: str) -> None:
    """Delete what was spent before a day."""
    await connection.execute(delete(spending).where(spending.c.day < before))
