"""Alembic's entry: migrate the database whose URL the caller gave."""

from __future__ import annotations

from alembic import context

from projects.kit import database
from sandbox_sync.db.tables import Base


def run() -> None:
    """Apply the revisions in one transaction."""
    engine = database.make_engine(context.config.attributes["url"], immediate=False)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
