"""Which known API a provider is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("providers", sa.Column("preset", sa.String))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("providers", "preset")
