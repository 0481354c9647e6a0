"""Inserts that let the database decide who was first, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session


def insert_once(session: Session, table: type[DeclarativeBase], **values: Any) -> bool:
    """Insert one row; False when a unique constraint says that it is there already."""
    return bool(insert_many_once(session, table, [values]))


def insert_many_once(
    session: Session, table: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> int:
    """Insert those rows that are not there yet; how many those were."""
    if not rows:
        return 0
    postgres = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql if postgres else sqlite).insert(table)
    inserted = 0
    for row in rows:
        once = statement.values(**row).on_conflict_do_nothing()
        key = list(table.__table__.primary_key)
        inserted += session.execute(once.returning(*key)).first() is not None
    return inserted
