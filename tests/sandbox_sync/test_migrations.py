"""The migrations make exactly the tables that the code describes, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from projects.kit import database
from sandbox_sync.app import MIGRATIONS
from sandbox_sync.db.tables import Base

ENGINES_OWN = {"alembic_version"}


def test_migrations_and_tables_agree(database_url: str) -> None:
    database.migrate(database_url, MIGRATIONS)
    database.migrate(database_url, MIGRATIONS)
    engine = database.make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
