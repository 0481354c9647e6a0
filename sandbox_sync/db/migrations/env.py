"""Alembic's entry: one transaction, one process at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from projects.kit import database
from sandbox_sync.db.tables import Base


def run() -> None:
    """Apply what is missing, all or nothing; a second process waits and finds nothing to do."""
    engine = database.make_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7091)"))
        context.configure(
            connection=connection, target_metadata=Base.metadata, transactional_ddl=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
