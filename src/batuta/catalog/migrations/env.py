"""Runs the steps on the connection that the store hands over. Alembic executes this file; it has no other entry."""

from __future__ import annotations

from alembic import context

from batuta.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
