"""Inserts that let the database decide who was first, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

TOGETHER = 500
"""Rows in one statement: both databases bound the number of its values."""


def insert_once(session: Session, table: type[DeclarativeBase], **values: Any) -> bool:
    """Insert one row; False when a unique constraint says that it is there already."""
    return bool(insert_many_once(session, table, [values]))


def insert_many_once(
    session: Session, table: type[DeclarativeBase], rows: Sequence[dict[str, Any]]
) -> int:
    """Insert those rows that are not there yet; how many those were. All name the same columns."""
    postgres = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql if postgres else sqlite).insert(table)
    key = list(table.__table__.primary_key)
    inserted = 0
    for first in range(0, len(rows), TOGETHER):
        once = statement.values(list(rows[first : first + TOGETHER])).on_conflict_do_nothing()
        inserted += len(session.execute(once.returning(*key)).all())
    return inserted
