"""Rows of the database <-> records. Pure; a row is a mapping of column names to plain values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from batuta.catalog.entities import Capability, MemoryNeed, Provider, Role, Tier
from batuta.catalog.records import Choices, Found, Learned, ModelRecord

TABLES = ("meta", "providers", "models")
T = TypeVar("T")
Row = Mapping[str, Any]


def provider_row(provider: Provider, source: str) -> dict[str, Any]:
    """Return a provider's row."""
    return {
        "id": provider.id,
        "source": source,
        "kind": provider.kind,
        "name": provider.name,
        "base_url": provider.base_url,
        "key_ref": provider.key_ref,
        "is_local": provider.is_local,
        "max_in_flight": provider.max_in_flight,
        "enabled": provider.enabled,
        "preset": provider.preset,
    }


def provider_of(row: Row) -> tuple[Provider, str]:
    """Return the provider of a row, and its source."""
    provider = Provider(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        base_url=row["base_url"],
        key_ref=row["key_ref"],
        is_local=bool(row["is_local"]),
        max_in_flight=int(row["max_in_flight"]),
        enabled=bool(row["enabled"]),
        preset=row["preset"] or "",
    )
    return provider, str(row["source"])


def model_row(record: ModelRecord) -> dict[str, Any]:
    """Return a record's row."""
    found, choices, learned = record.found, record.choices, record.learned
    return {
        "id": record.id,
        "provider_id": record.provider_id,
        "address": found.address,
        "is_present": record.is_present,
        "reported_name": found.name,
        "capabilities": json.dumps(sorted(found.capabilities)),
        "context_length": found.context_length,
        "weights": found.memory.weights,
        "kv_per_token": found.memory.kv_per_token,
        "overhead": found.memory.overhead,
        "size": found.size,
        "mtime_ns": found.mtime_ns,
        "pinned": choices.pinned,
        "ttl_s": choices.ttl_s,
        "roles": json.dumps(sorted(choices.roles)),
        "enabled": choices.enabled,
        "name": choices.name,
        "options": json.dumps(dict(choices.options)),
        "learned_bytes": learned.memory_bytes,
        "learned_context": learned.context_length,
        "load_seconds": json.dumps(learned.load_seconds),
        "learned_slots": learned.slots,
        "load_s": json.dumps({tier.value: seconds for tier, seconds in learned.load_s.items()}),
        "peaks": json.dumps(learned.peaks),
    }


def model_of(row: Row) -> ModelRecord:
    """Return the record of a row. Raises ValueError, TypeError or AttributeError for a row that makes no sense."""
    return ModelRecord(
        id=row["id"],
        provider_id=row["provider_id"],
        found=Found(
            address=row["address"],
            name=row["reported_name"],
            capabilities=frozenset(Capability(word) for word in json.loads(row["capabilities"])),
            context_length=int(row["context_length"]),
            memory=MemoryNeed(int(row["weights"]), int(row["kv_per_token"]), int(row["overhead"])),
            size=int(row["size"]),
            mtime_ns=int(row["mtime_ns"]),
        ),
        choices=Choices(
            pinned=bool(row["pinned"]),
            ttl_s=None if row["ttl_s"] is None else float(row["ttl_s"]),
            roles=frozenset(Role(word) for word in json.loads(row["roles"])),
            enabled=bool(row["enabled"]),
            name=row["name"],
            options=MappingProxyType(dict(json.loads(row["options"]))),
        ),
        learned=Learned(
            memory_bytes=int(row["learned_bytes"]),
            context_length=int(row["learned_context"]),
            load_seconds=tuple(float(seconds) for seconds in json.loads(row["load_seconds"])),
            slots=int(row["learned_slots"] or 0),
            load_s=MappingProxyType({Tier(at): float(s) for at, s in json.loads(row["load_s"] or "{}").items()}),
            peaks=tuple(int(peak) for peak in json.loads(row["peaks"] or "[]")),
        ),
        is_present=bool(row["is_present"]),
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in the database. Providers come with their source; `unreadable` are sentences for a person."""

    providers: tuple[tuple[Provider, str], ...] = ()
    models: tuple[ModelRecord, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def contents_of(tables: Mapping[str, Iterable[Row]]) -> Contents:
    """Return what the rows of all tables mean; a row that makes no sense is left out and told of."""
    unreadable: list[str] = []

    def readable(table: str, convert: Callable[[Row], T]) -> Iterable[T]:
        for row in tables[table]:
            try:
                yield convert(row)
            except (ValueError, TypeError, AttributeError) as error:
                unreadable.append(f"what it says of {row['id']!r} makes no sense ({error}); that is lost")

    return Contents(
        providers=tuple(readable("providers", provider_of)),
        models=tuple(readable("models", model_of)),
        meta={row["key"]: row["value"] for row in tables["meta"]},
        unreadable=tuple(unreadable),
    )
