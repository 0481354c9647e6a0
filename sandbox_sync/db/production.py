"""The SQL of what we know of production: projects, eligible tasks, snapshots, references."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Project, Task
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db.references import has_answers
from sandbox_sync.db.snapshots import store
from sandbox_sync.db.tables import (
    ProductionProject,
    ProductionTask,
    Reference,
)
from sandbox_sync.db.writing import insert_once

IS_ANSWERED = sa.exists().where(
    Reference.production_task_id == ProductionTask.id,
    Reference.data_digest == ProductionTask.data_digest,
)
"""Production has answered what the task says now; an answer to an older text is none."""


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
        settings={},
        model_version="",
        task_count=0,
    )
    row = session.get_one(ProductionProject, project.id)
    row.kind = kind
    row.title = project.title
    row.label_config = project.label_config
    row.guidelines = project.guidelines
    row.sampling = project.sampling
    row.settings = project.extra
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


def set_derived_with(session: Session, project_id: int, policy_digest: str) -> None:
    """Remember the policy that the project's references follow now."""
    session.get_one(ProductionProject, project_id).derived_with = policy_digest


def task(session: Session, task_id: int) -> ProductionTask | None:
    """An eligible production task."""
    return session.get(ProductionTask, task_id)


def begin_look(session: Session, task_id: int, *, updated_at: datetime) -> bool:
    """Hold the task's row; False when a newer state of it was stored since this one was read."""
    row = session.get_one(ProductionTask, task_id, with_for_update=True, populate_existing=True)
    if updated_at < row.looked_at:
        return False
    row.looked_at = updated_at
    return True


def is_stored(session: Session, task: Task, data_digest: str) -> bool:
    """Whether we have this state of the task, or a newer one. Nothing is locked to find out."""
    row = session.get(ProductionTask, task.id)
    if row is None or row.deleted_at is not None or row.data_digest != data_digest:
        return False
    if row.looked_at != task.updated_at:
        return row.looked_at > task.updated_at
    return has_answers(session, task)


def save_snapshot(
    session: Session,
    snapshot: Snapshot,
    *,
    project_id: int,
    updated_at: datetime,
    now: datetime,
    eligible_at: datetime,
) -> bool:
    """Store the snapshot once, and make it the newest of its task; False if there is a newer."""
    store(session, snapshot, now=now)
    insert_once(
        session,
        ProductionTask,
        id=snapshot.production_task_id,
        project_id=project_id,
        kind=snapshot.kind,
        eligible_at=eligible_at,
        snapshot=snapshot.digest,
        data_digest=snapshot.data_digest,
        looked_at=updated_at,
    )
    if not begin_look(session, snapshot.production_task_id, updated_at=updated_at):
        return False
    row = session.get_one(ProductionTask, snapshot.production_task_id)
    row.snapshot, row.data_digest = snapshot.digest, snapshot.data_digest
    row.deleted_at = None
    return True


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
    """How many eligible tasks of a project wait for production's answer to what they say now."""
    counted = sa.select(sa.func.count(ProductionTask.id)).where(
        ProductionTask.project_id == project_id,
        ProductionTask.deleted_at.is_(None),
        ~IS_ANSWERED,
    )
    return session.scalar(counted) or 0
