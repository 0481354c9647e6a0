"""How Alembic reaches the database: one transaction, one process at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from backend_ml.tables import Base
from projects.kit import database


def run() -> None:
    """Apply what is missing; a second process waits and then finds nothing to do."""
    engine = database.make_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7090)"))
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transactional_ddl=True,
            version_table="backend_ml_revision",
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
