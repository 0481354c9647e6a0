"""The SQL of references: what production committed to, and what has to follow it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Annotation, Answer, answer_to_json
from sandbox_sync.db.tables import PracticeItem, Reference
from sandbox_sync.db.writing import insert_once


def tasks_of_annotations(session: Session, annotation_ids: Collection[int]) -> set[int]:
    """The tasks whose committed answer is one of these annotations."""
    found = sa.select(Reference.production_task_id).where(
        Reference.annotation_id.in_(annotation_ids)
    )
    return set(session.scalars(found))


def save_reference(
    session: Session,
    task_id: int,
    annotation: Annotation | None,
    *,
    answer: Answer,
    data_digest: str,
    now: datetime,
) -> bool:
    """Store production's committed answer as it is now; whether that changed anything."""
    row = session.get(Reference, task_id, with_for_update=True, populate_existing=True)
    if annotation is None:
        if row is not None:
            session.delete(row)
            session.flush()
        return row is not None
    values: dict[str, Any] = {
        "annotation_id": annotation.id,
        "answer": answer_to_json(answer),
        "data_digest": data_digest,
        "reference_at": annotation.updated_at,
        "seen_at": now,
    }
    if row is None:
        return insert_once(session, Reference, production_task_id=task_id, **values)
    if is_same(row, annotation):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return True


def is_same(row: Reference, annotation: Annotation) -> bool:
    """Whether this annotation, as it is now, is the stored reference."""
    return row.annotation_id == annotation.id and row.reference_at == annotation.updated_at


def lock_items(session: Session, task_id: int) -> list[int]:
    """The practice items of a production task, held until the end of the transaction."""
    found = (
        sa.select(PracticeItem.id)
        .where(PracticeItem.production_task_id == task_id)
        .order_by(PracticeItem.id)
        .with_for_update()
    )
    return list(session.scalars(found))
