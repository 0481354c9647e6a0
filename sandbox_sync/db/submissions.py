"""The SQL of what trainees answered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Annotation, Answer, answer_to_json
from sandbox_sync.db.tables import PracticeItem, Submission


def submission(session: Session, item_id: int) -> Submission | None:
    """The answer to an item that counts."""
    return session.get(Submission, item_id, populate_existing=True)


def save(
    session: Session, item: PracticeItem, annotation: Annotation, *, answer: Answer, now: datetime
) -> bool:
    """Store the answer that counts from now on; whether it says something else than before.

    The caller holds the item's row.
    """
    said = answer_to_json(answer)
    row = submission(session, item.id)
    is_new = row is None or row.answer != said
    if row is None:
        row = Submission(item_id=item.id, seen_at=now, revision=0)
        session.add(row)
    if is_new:
        item.answer_count += 1
        row.revision, row.seen_at = item.answer_count, now
    row.annotation_id, row.answer, row.regions = annotation.id, said, list(annotation.regions)
    row.candidate_at, row.lead_time_seconds = annotation.updated_at, annotation.lead_time_seconds
    item.skipped_at = None
    session.flush()
    return is_new


def take_back(session: Session, row: Submission) -> None:
    """From now on the item has no answer; the next one is counted on from this one."""
    session.delete(row)
    session.flush()


def tasks_of_annotations(session: Session, annotation_ids: Collection[int]) -> set[int]:
    """The sandbox tasks whose answer that counts is one of these annotations."""
    found = (
        sa.select(PracticeItem.sandbox_task_id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .where(Submission.annotation_id.in_(annotation_ids))
    )
    return {task_id for task_id in session.scalars(found) if task_id is not None}


def marked(session: Session, task_ids: Collection[int]) -> set[int]:
    """Those of these sandbox tasks whose item was skipped or answered, as far as we know."""
    found = (
        sa.select(PracticeItem.sandbox_task_id)
        .outerjoin(Submission, Submission.item_id == PracticeItem.id)
        .where(
            PracticeItem.sandbox_task_id.in_(task_ids),
            PracticeItem.skipped_at.is_not(None) | Submission.item_id.is_not(None),
        )
    )
    return {task_id for task_id in session.scalars(found) if task_id is not None}
