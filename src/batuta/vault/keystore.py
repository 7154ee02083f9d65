"""The vault's two tables: rows <-> facts, and what is written together. Opens nothing that is sealed.

It shares the catalog's database and its one connection. SQLAlchemy is imported when something is written first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from batuta.catalog.store import NotSaved, Store
from batuta.vault.records import KeyRecord

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

NOTED: Final = ("last_used", "last_outcome", "last_error")  # what calls change
CHOSEN: Final = ("label", "enabled", "position", "daily_limit", "monthly_limit")  # what a person changes
UNREADABLE: Final = (ValueError, TypeError, ArithmeticError)


class Overtaken(NotSaved):
    """Another process changed the vault in between; nothing was written."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of `keys`: what may be shown, and the sealed key. `version` grows with each sealing."""

    record: KeyRecord
    version: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """The row of `vault`.

    Attributes:
        id: the vault's own, random.
        epoch: one more with each change of what is sealed.
        source: kind of the place where the master key is.
        master_id: which one it is.
        derivation: how a passphrase becomes the master key; empty for a random one.
        wrapped: the data key, sealed with the master key.
        manifest: which sealed text each key has, sealed with the data key.
    """

    id: str
    epoch: int
    source: str
    master_id: str
    derivation: str
    wrapped: bytes = field(repr=False)
    manifest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Everything:
    """What is in the tables: heads (a sound vault has one, an empty one none), keys by id, rows that make no sense."""

    headers: tuple[Header, ...]
    stored: Mapping[str, StoredKey]
    unreadable: int = 0


class KeyStore:
    """The tables of one vault, in the catalog's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self) -> Everything:
        """Return everything. Raises NotSaved when it cannot be read."""
        tables = await self._store.rows("vault", "keys")
        headers: list[Header] = []
        stored: dict[str, StoredKey] = {}
        unreadable = 0
        for row in tables["vault"]:
            try:
                headers.append(_header_of(row))
            except UNREADABLE:
                unreadable += 1
        for row in tables["keys"]:
            try:
                each = _stored_of(row)
            except UNREADABLE:
                unreadable += 1
            else:
                stored[each.record.id] = each
        return Everything(tuple(headers), stored, unreadable)

    async def seal(
        self, header: Header, *, since: int | None, stored: Iterable[StoredKey], gone: Collection[str] = ()
    ) -> None:
        """Write a new head and the keys that changed with it, all or nothing.

        Args:
            header: the new head.
            since: epoch of the head that it replaces; None: there was none.
            stored: keys whose rows are written.
            gone: ids of keys whose rows are deleted.

        Raises:
            Overtaken: the head in the database is another one by now.
            NotSaved: it cannot be written.
        """
        rows = [_row_of(each) for each in stored]
        key_sql = await asyncio.to_thread(_statements)

        async def work(connection: AsyncConnection) -> None:
            await key_sql.erase_thoroughly(connection)
            if not await key_sql.put_header(connection, _header_row(header), since):
                raise _OvertakenInside
            await key_sql.put_keys(connection, rows)
            await key_sql.delete_keys(connection, gone)

        try:
            await self._store.run(work)
        except _OvertakenInside:
            raise Overtaken("another process changed the stored keys at the same time; try again") from None

    async def change(self, records: Iterable[KeyRecord]) -> None:
        """Write what a person changed of records, leaving what is sealed and what it is bound to. Raises NotSaved."""
        await self._update({each.id: {name: _plain(each)[name] for name in CHOSEN} for each in records})

    async def note(self, records: Iterable[KeyRecord]) -> None:
        """Write how their last uses went. Raises NotSaved."""
        await self._update({each.id: {name: getattr(each, name) for name in NOTED} for each in records})

    async def _update(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        key_sql = await asyncio.to_thread(_statements)

        async def work(connection: AsyncConnection) -> None:
            await key_sql.update_keys(connection, changes)

        await self._store.run(work)

    async def delete(self, key_id: str, *, with_header: bool) -> None:
        """Delete a row without a new head; with the last one the head too. Raises NotSaved."""
        key_sql = await asyncio.to_thread(_statements)

        async def work(connection: AsyncConnection) -> None:
            await key_sql.erase_thoroughly(connection)
            await key_sql.delete_keys(connection, (key_id,))
            if with_header:
                await key_sql.delete_headers(connection)

        await self._store.run(work)

    async def settle(self) -> bool:
        """Have what was written survive a power cut; say whether it does."""
        return await self._store.settle()


def _statements() -> ModuleType:
    from batuta.vault import key_sql  # slow the first time: that is why this runs in a thread

    return key_sql


class _OvertakenInside(Exception):
    """Undoes the transaction; never leaves this module."""


def _header_of(row: Mapping[str, Any]) -> Header:
    return Header(
        id=str(row["id"]),
        epoch=int(row["epoch"]),
        source=str(row["source"]),
        master_id=str(row["master_id"]),
        derivation=str(row["derivation"]),
        wrapped=_bytes(row["wrapped"]),
        manifest=_bytes(row["manifest"]),
    )


def _header_row(header: Header) -> dict[str, Any]:
    return {
        "id": header.id,
        "epoch": header.epoch,
        "source": header.source,
        "master_id": header.master_id,
        "derivation": header.derivation,
        "wrapped": header.wrapped,
        "manifest": header.manifest,
    }


def _stored_of(row: Mapping[str, Any]) -> StoredKey:
    record = KeyRecord(
        id=str(row["id"]),
        provider_id=str(row["provider_id"]),
        label=str(row["label"]),
        last4=str(row["last4"]),
        fingerprint=str(row["fingerprint"]),
        source=str(row["source"]),
        enabled=bool(row["enabled"]),
        position=int(row["position"]),
        created_at=float(row["created_at"]),
        last_used=_if_any(float, row["last_used"]),
        last_outcome=str(row["last_outcome"]),
        last_error=str(row["last_error"]),
        daily_limit=_if_any(Decimal, row["daily_limit"]),
        monthly_limit=_if_any(Decimal, row["monthly_limit"]),
        origin=str(row["origin"]),
    )
    return StoredKey(record, int(row["version"]), _bytes(row["sealed"]))


def _row_of(stored: StoredKey) -> dict[str, Any]:
    return _plain(stored.record) | {"version": stored.version, "sealed": stored.sealed}


def _plain(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "provider_id": record.provider_id,
        "origin": record.origin,
        "label": record.label,
        "last4": record.last4,
        "fingerprint": record.fingerprint,
        "source": record.source,
        "enabled": record.enabled,
        "position": record.position,
        "created_at": record.created_at,
        "last_used": record.last_used,
        "last_outcome": record.last_outcome,
        "last_error": record.last_error,
        "daily_limit": _if_any(str, record.daily_limit),
        "monthly_limit": _if_any(str, record.monthly_limit),
    }


def _if_any(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | memoryview):
        raise TypeError("not bytes")
    return bytes(value)


def sorted_records(stored: Iterable[StoredKey]) -> list[KeyRecord]:
    """Return the records in the order to show and try them: by provider, then position, then age."""
    return sorted((each.record for each in stored), key=lambda r: (r.provider_id, r.position, r.created_at, r.id))
