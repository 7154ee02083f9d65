"""What loads showed, by slots and by where a model's bytes were; and what stays on a GPU came to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = {"learned_slots": sa.Integer, "load_s": sa.String, "peaks": sa.String}


def upgrade() -> None:
    """Add the columns."""
    for name, kind in COLUMNS.items():
        op.add_column("models", sa.Column(name, kind))


def downgrade() -> None:
    """Drop the columns."""
    for name in reversed(COLUMNS):
        op.drop_column("models", name)
