"""The SQL of what production committed to: every worker's answer, and the reference of a task."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Task, answer_from_json, answer_to_json
from sandbox_sync.db.tables import CommittedAnswer, PracticeItem, ProductionTask, Reference
from sandbox_sync.db.writing import insert_once
from sandbox_sync.deriving import Committed, is_reviewed


def tasks_of_annotations(session: Session, annotation_ids: Collection[int]) -> set[int]:
    """The tasks that one of these annotations is an accepted answer to."""
    found = sa.select(CommittedAnswer.production_task_id).where(
        CommittedAnswer.annotation_id.in_(annotation_ids)
    )
    return set(session.scalars(found))


def answers(session: Session, task_ids: Collection[int]) -> dict[int, list[Committed]]:
    """Every accepted answer to these tasks, as it is now, by task."""
    found: dict[int, list[Committed]] = {task_id: [] for task_id in task_ids}
    rows = (
        sa.select(CommittedAnswer)
        .where(CommittedAnswer.production_task_id.in_(task_ids))
        .order_by(CommittedAnswer.committed_at, CommittedAnswer.annotation_id)
        .execution_options(populate_existing=True)
    )
    for row in session.scalars(rows):
        found[row.production_task_id].append(_committed(row))
    return found


def _committed(row: CommittedAnswer) -> Committed:
    return Committed(
        annotation_id=row.annotation_id,
        worker_id=row.worker_id,
        answer=answer_from_json(row.answer),
        regions=tuple(row.regions),
        data_digest=row.data_digest,
        is_reviewed=row.is_reviewed,
        committed_at=row.changed_at,
    )


def has_answers(session: Session, task: Task) -> bool:
    """Whether we have this task's accepted answers exactly as they are in it."""
    known = sa.select(
        CommittedAnswer.annotation_id, CommittedAnswer.changed_at, CommittedAnswer.is_reviewed
    ).where(CommittedAnswer.production_task_id == task.id)
    here = {(a.id, a.updated_at, is_reviewed(a)) for a in task.annotations if not a.was_cancelled}
    return {(number, moment, told) for number, moment, told in session.execute(known)} == here


def save_answers(session: Session, task_id: int, given: Sequence[Committed]) -> None:
    """Store every accepted answer to a task as it is now; what is not given is gone."""
    kept = [one.annotation_id for one in given]
    session.execute(
        sa.delete(CommittedAnswer).where(
            CommittedAnswer.production_task_id == task_id,
            CommittedAnswer.annotation_id.not_in(kept),
        )
    )
    for one in given:
        row = session.get(CommittedAnswer, one.annotation_id, populate_existing=True)
        if row is None:
            row = CommittedAnswer(
                annotation_id=one.annotation_id,
                production_task_id=task_id,
                committed_at=one.committed_at,
            )
            session.add(row)
        row.worker_id, row.answer = one.worker_id, answer_to_json(one.answer)
        row.regions, row.data_digest = list(one.regions), one.data_digest
        row.is_reviewed, row.changed_at = one.is_reviewed, one.committed_at
    session.flush()


def save_reference(
    session: Session, task_id: int, committed: Committed | None, *, now: datetime
) -> bool:
    """Store production's committed answer as it is now; whether that changed anything."""
    row = session.get(Reference, task_id, with_for_update=True, populate_existing=True)
    if committed is None:
        if row is not None:
            session.delete(row)
            session.flush()
        return row is not None
    values: dict[str, Any] = {
        "annotation_id": committed.annotation_id,
        "answer": answer_to_json(committed.answer),
        "data_digest": committed.data_digest,
        "reference_at": committed.committed_at,
    }
    if row is None:
        return insert_once(session, Reference, production_task_id=task_id, seen_at=now, **values)
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.seen_at = now
    session.flush()
    return True


def lock_items(session: Session, task_id: int) -> list[int]:
    """The practice items of a production task, held until the end of the transaction."""
    return lock(session, PracticeItem.production_task_id == task_id)


def lock(session: Session, which: sa.ColumnElement[bool]) -> list[int]:
    """Some practice items in the order of their ids, held until the end of the transaction."""
    found = sa.select(PracticeItem.id).where(which).order_by(PracticeItem.id).with_for_update()
    return list(session.scalars(found))


def answered_tasks(
    session: Session, project_id: int, *, after: int, limit: int
) -> Iterable[ProductionTask]:
    """Tasks of a project with accepted answers, by their ids, each held."""
    found = (
        sa.select(ProductionTask)
        .where(
            ProductionTask.project_id == project_id,
            ProductionTask.id > after,
            ProductionTask.id.in_(sa.select(CommittedAnswer.production_task_id)),
        )
        .order_by(ProductionTask.id)
        .limit(limit)
        .with_for_update()
    )
    return list(session.scalars(found))
