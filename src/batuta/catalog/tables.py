"""The catalog's tables, and rows <-> records. Imported only when a database is opened: SQLAlchemy takes its time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from batuta.catalog.entities import Capability, MemoryNeed, Provider, Role
from batuta.catalog.records import Choices, Found, Learned, ModelRecord

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

providers = Table(
    "providers",
    metadata,
    Column("id", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("base_url", String, nullable=False),
    Column("key_ref", String),  # where a key lies, never the key
    Column("is_local", Boolean, nullable=False),
    Column("max_in_flight", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", String, primary_key=True),
    Column("provider_id", String, ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
    # What was seen.
    Column("address", String, nullable=False),
    Column("is_present", Boolean, nullable=False),
    Column("reported_name", String, nullable=False),
    Column("capabilities", String, nullable=False),  # JSON list
    Column("context_length", Integer, nullable=False),
    Column("weights", BigInteger, nullable=False),
    Column("kv_per_token", BigInteger, nullable=False),
    Column("overhead", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    # What a person chose.
    Column("pinned", Boolean, nullable=False),
    Column("ttl_s", Float),
    Column("roles", String, nullable=False),  # JSON list
    Column("enabled", Boolean, nullable=False),
    Column("name", String),
    Column("options", String, nullable=False),  # JSON object
    # What was learned.
    Column("learned_bytes", BigInteger, nullable=False),
    Column("learned_context", Integer, nullable=False),
    Column("load_seconds", String, nullable=False),  # JSON list, newest last
    UniqueConstraint("provider_id", "address", name="one_model_an_address"),
)

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
    }


def provider_of(row: Row) -> tuple[Provider, str]:
    """Return the provider of a row, and its source."""
    rest = {name: value for name, value in row.items() if name != "source"}
    return Provider(**rest), str(row["source"])


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
            pinned=row["pinned"],
            ttl_s=None if row["ttl_s"] is None else float(row["ttl_s"]),
            roles=frozenset(Role(word) for word in json.loads(row["roles"])),
            enabled=row["enabled"],
            name=row["name"],
            options=MappingProxyType(dict(json.loads(row["options"]))),
        ),
        learned=Learned(
            memory_bytes=int(row["learned_bytes"]),
            context_length=int(row["learned_context"]),
            load_seconds=tuple(float(seconds) for seconds in json.loads(row["load_seconds"])),
        ),
        is_present=row["is_present"],
    )
