"""The catalog's tables. Imported only when something is written: SQLAlchemy takes its time."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from batuta.catalog.usage_store import SUMS

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
    Column("learned_slots", Integer),
    Column("load_s", String),  # JSON object, tier -> seconds
    Column("peaks", String),  # JSON list, newest last
    UniqueConstraint("provider_id", "address", name="one_model_an_address"),
)

# Two tables of the vault. What may be shown of a key is plain; the key itself is in `sealed`, and only there.
keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("provider_id", String, nullable=False),  # of no foreign key: a key may come before its provider is saved
    Column("origin", String, nullable=False),
    Column("label", String, nullable=False),
    Column("last4", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("source", String, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used", Float),
    Column("last_outcome", String, nullable=False),
    Column("last_error", String, nullable=False),
    Column("daily_limit", String),  # decimal digits: money is no float
    Column("monthly_limit", String),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

vault = Table(
    "vault",
    metadata,
    Column("id", String, primary_key=True),
    Column("epoch", Integer, nullable=False),  # one more with each change of what is sealed
    Column("source", String, nullable=False),  # where the master key lies, never the key
    Column("master_id", String, nullable=False),
    Column("derivation", String, nullable=False),  # JSON object: how a passphrase becomes the master key
    Column("wrapped", LargeBinary, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
)

# What was used, in sums; a row is added to. Ids of no foreign key: what was used stays when a model or key is gone.
usage = Table(
    "usage",
    metadata,
    Column("day", String, primary_key=True),  # like 2026-11-21, so that text sorts as time does
    Column("provider", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("key_id", String, primary_key=True),  # empty: none
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
)

spending = Table(
    "spending",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("cost", BigInteger, nullable=False),  # nano-dollars; what counts against the key's limits
)
