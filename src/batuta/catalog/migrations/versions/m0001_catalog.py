"""The first form: providers, models, meta."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "providers",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("base_url", sa.String, nullable=False),
        sa.Column("key_ref", sa.String),
        sa.Column("is_local", sa.Boolean, nullable=False),
        sa.Column("max_in_flight", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("provider_id", sa.String, sa.ForeignKey("providers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("is_present", sa.Boolean, nullable=False),
        sa.Column("reported_name", sa.String, nullable=False),
        sa.Column("capabilities", sa.String, nullable=False),
        sa.Column("context_length", sa.Integer, nullable=False),
        sa.Column("weights", sa.BigInteger, nullable=False),
        sa.Column("kv_per_token", sa.BigInteger, nullable=False),
        sa.Column("overhead", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("ttl_s", sa.Float),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("name", sa.String),
        sa.Column("options", sa.String, nullable=False),
        sa.Column("learned_bytes", sa.BigInteger, nullable=False),
        sa.Column("learned_context", sa.Integer, nullable=False),
        sa.Column("load_seconds", sa.String, nullable=False),
        sa.UniqueConstraint("provider_id", "address", name="one_model_an_address"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("models", "providers", "meta"):
        op.drop_table(table)
