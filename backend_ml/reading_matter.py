"""The texts of a project that a learner may read beside its labels.

What a learner makes of them is kept from version to version for as long as they are the same
texts, so they change by steps: only when a project has grown by a quarter.
"""

from __future__ import annotations

import math

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import TaskRow

MOST = 8_192
"""Texts; of more every second, third and so on is read."""
GROWTH = 1.25
LONGEST = 2_000
"""Characters of a text that are read."""


def of(session: Session, project_id: int) -> tuple[str, ...]:
    """Texts of a project, the oldest first."""
    there = (TaskRow.project_id == project_id, TaskRow.deleted.is_(False))
    known = session.scalar(sa.select(sa.func.count()).select_from(TaskRow).where(*there)) or 0
    many = steady(known)
    if not many:
        return ()
    place = sa.func.row_number().over(order_by=TaskRow.task_id).label("place")
    text = sa.func.substr(TaskRow.text, 1, LONGEST).label("text")
    placed = sa.select(text, place).where(*there).subquery()
    wanted = placed.c.place % math.ceil(many / MOST) == 0
    query = sa.select(placed.c.text).where(placed.c.place <= many, wanted)
    return tuple(session.scalars(query.order_by(placed.c.place)))


def steady(texts: int) -> int:
    """So many of the oldest are read: the largest power of ``GROWTH`` that is not more.

    Raises
    ------
    ValueError
        For less than none.
    """
    if texts < 0:
        raise ValueError(f"{texts} texts")
    step = 1.0
    while math.floor(step * GROWTH) <= texts:
        step *= GROWTH
    return math.floor(step) if texts else 0
