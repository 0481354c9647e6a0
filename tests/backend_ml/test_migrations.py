"""The migrations make exactly the tables that the code describes, on both databases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from backend_ml.tables import MIGRATIONS, Base
from projects.kit import database


def test_migrations_and_tables_agree(database_url: str) -> None:
    database.migrate(database_url, MIGRATIONS)
    engine = database.make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "backend_ml_revision"}
        )
        found = compare_metadata(context, Base.metadata)
        ours = {name for name in sa.inspect(connection).get_table_names()}
    engine.dispose()
    assert found == []
    assert {"model_version", "label"} <= ours
