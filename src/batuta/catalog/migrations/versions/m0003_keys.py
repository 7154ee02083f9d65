"""The keys of external providers, sealed, and what opens them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("provider_id", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("last4", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("last_used", sa.Float),
        sa.Column("last_outcome", sa.String, nullable=False),
        sa.Column("last_error", sa.String, nullable=False),
        sa.Column("daily_limit", sa.String),
        sa.Column("monthly_limit", sa.String),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "vault",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("master_id", sa.String, nullable=False),
        sa.Column("derivation", sa.String, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("vault", "keys"):
        op.drop_table(table)
