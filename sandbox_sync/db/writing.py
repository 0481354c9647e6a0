"""Inserts that let the database decide who was first, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session


def insert_once(session: Session, table: type[DeclarativeBase], **values: Any) -> bool:
    """Insert one row; False when a unique constraint says that it is there already."""
    return bool(insert_many_once(session, table, [values]))


def insert_many_once(
    session: Session, table: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> list[Any]:
    """Insert those rows that are not there yet; their primary keys. All name the same columns.

    The values are handed over beside the statement, not in it: SQLAlchemy then writes
    it once and cuts many rows into statements of a size that the database takes.
    """
    if not rows:
        return []
    core = cast(sa.Table, table.__table__)
    postgres = session.get_bind().dialect.name == "postgresql"
    once = (postgresql if postgres else sqlite).insert(core).on_conflict_do_nothing()
    inserted = session.connection().execute(once.returning(*core.primary_key), list(rows))
    return list(inserted.scalars())
