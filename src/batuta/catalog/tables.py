"""The catalog's tables. Imported only when something is written: SQLAlchemy takes its time."""

from __future__ import annotations

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
    Column("preset", String),
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
