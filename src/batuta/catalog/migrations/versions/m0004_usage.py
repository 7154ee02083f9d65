"""What was used, in sums by day, provider, model and key; and what was spent by key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SUMS = (
    "requests",
    "failed",
    "fallbacks",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost",
    "unpriced",
    "answer_tokens",
    "answer_ms",
    "loads",
    "load_ms",
    "swaps",
    *(f"first_{number}" for number in range(10)),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "usage",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("provider", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("key_id", sa.String, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
    )
    op.create_table(
        "spending",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("cost", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("spending", "usage"):
        op.drop_table(table)
