"""The SQL of what we know of production: projects, eligible tasks, snapshots, references."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Annotation, Answer, Project, answer_to_json
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db.tables import (
    PracticeItem,
    ProductionProject,
    ProductionTask,
    Reference,
    SnapshotRow,
)
from sandbox_sync.db.writing import insert_once


def save_project(session: Session, project: Project, *, kind: str) -> ProductionProject:
    """Remember what this project looks like now."""
    insert_once(
        session,
        ProductionProject,
        id=project.id,
        kind=kind,
        label_config="",
        guidelines="",
        sampling="",
        model_version="",
        task_count=0,
    )
    row = session.get_one(ProductionProject, project.id)
    row.kind = kind
    row.label_config = project.label_config
    row.guidelines = project.guidelines
    row.sampling = project.sampling
    row.model_version = project.model_version
    row.task_count = project.task_count
    return row


def project(session: Session, project_id: int) -> ProductionProject | None:
    """What we last saw of a project."""
    return session.get(ProductionProject, project_id)


def projects(session: Session) -> list[ProductionProject]:
    """Every project that we follow, by kind."""
    return list(session.scalars(sa.select(ProductionProject).order_by(ProductionProject.kind)))


def set_looked_until(session: Session, project_id: int, moment: datetime) -> None:
    """Remember the newest change that we have seen; it never goes back."""
    row = session.get_one(ProductionProject, project_id)
    row.looked_until = max(moment, row.looked_until or moment)


def task(session: Session, task_id: int) -> ProductionTask | None:
    """An eligible production task."""
    return session.get(ProductionTask, task_id)


def save_snapshot(session: Session, snapshot: Snapshot, *, project_id: int, now: datetime) -> None:
    """Store the snapshot once, and make it the newest one of its task."""
    insert_once(
        session,
        SnapshotRow,
        digest=snapshot.digest,
        production_task_id=snapshot.production_task_id,
        kind=snapshot.kind,
        data=snapshot.data,
        data_digest=snapshot.data_digest,
        label_config=snapshot.label_config,
        guidelines=snapshot.guidelines,
        guideline_version=snapshot.guideline_version,
        suggestion=snapshot.suggestion,
        taken_at=now,
    )
    insert_once(
        session,
        ProductionTask,
        id=snapshot.production_task_id,
        project_id=project_id,
        kind=snapshot.kind,
        eligible_at=now,
        snapshot=snapshot.digest,
        data_digest=snapshot.data_digest,
    )
    row = session.get_one(ProductionTask, snapshot.production_task_id, populate_existing=True)
    row.snapshot, row.data_digest = snapshot.digest, snapshot.data_digest
    row.deleted_at = None


def mark_deleted(session: Session, task_id: int, *, now: datetime) -> None:
    """No more copies of this task; its committed answer keeps counting."""
    session.execute(
        sa.update(ProductionTask)
        .where(ProductionTask.id == task_id, ProductionTask.deleted_at.is_(None))
        .values(deleted_at=now)
    )


def live_task_ids(session: Session, project_id: int) -> set[int]:
    """The eligible tasks of a project that we believe to be there."""
    return set(
        session.scalars(
            sa.select(ProductionTask.id).where(
                ProductionTask.project_id == project_id, ProductionTask.deleted_at.is_(None)
            )
        )
    )


def count_unanswered(session: Session, project_id: int) -> int:
    """How many eligible tasks of a project wait for production's answer."""
    counted = (
        sa.select(sa.func.count(ProductionTask.id))
        .outerjoin(Reference, Reference.production_task_id == ProductionTask.id)
        .where(
            ProductionTask.project_id == project_id,
            ProductionTask.deleted_at.is_(None),
            Reference.production_task_id.is_(None),
        )
    )
    return session.scalar(counted) or 0


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
    row = session.get(Reference, task_id, with_for_update=True)
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
    if _same(row, annotation):
        return False
    if row.annotation_id == annotation.id and row.reference_at > annotation.updated_at:
        return False  # an older look that came late
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return True


def _same(row: Reference, annotation: Annotation) -> bool:
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
