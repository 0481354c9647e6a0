"""What was decided to publish, as the tables keep it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import waiting
from backend_ml.tables import PlanRow, PublicationRow, TaskRow


def unfinished(session: Session, project_id: int, version: str) -> PlanRow | None:
    """The oldest plan of a version that is not carried out yet."""
    query = sa.select(PlanRow).where(_open(project_id), PlanRow.version == version)
    return session.scalars(query.order_by(PlanRow.id)).first()


def any_unfinished(session: Session, project_id: int) -> bool:
    """Whether a plan of any version waits to be carried out, or to be abandoned."""
    query = sa.select(sa.func.count()).select_from(PlanRow).where(_open(project_id))
    return bool(session.scalar(query))


def abandon(session: Session, project_id: int, *, keep: str, now: datetime) -> int:
    """End the unfinished plans of every version but ``keep``; returns how many.

    Nothing will carry them out, because only the serving version is published. What
    they had not pushed is dropped; the draw of their random tasks stays.
    """
    query = sa.select(PlanRow).where(_open(project_id), PlanRow.version != keep)
    ended = session.scalars(query).all()
    for plan in ended:
        plan.finished_at = now
    session.execute(
        sa.delete(PublicationRow).where(
            PublicationRow.plan_id.in_([plan.id for plan in ended]),
            PublicationRow.pushed_at.is_(None),
        )
    )
    return len(ended)


def rows(session: Session, plan_id: int) -> Sequence[PublicationRow]:
    """The predictions of a plan, in the order of task ids."""
    query = sa.select(PublicationRow).where(PublicationRow.plan_id == plan_id)
    return session.scalars(query.order_by(PublicationRow.task_id)).all()


def texts(session: Session, plan_id: int) -> dict[int, str]:
    """The text of each task of a plan, by its id."""
    query = (
        sa.select(TaskRow.task_id, TaskRow.text)
        .join(
            PublicationRow,
            (PublicationRow.task_id == TaskRow.task_id)
            & (PublicationRow.project_id == TaskRow.project_id),
        )
        .where(PublicationRow.plan_id == plan_id)
    )
    return {task_id: text for task_id, text in session.execute(query)}


def has_rows(session: Session, project_id: int, version: str) -> bool:
    """Whether anything of the version was decided on."""
    query = sa.select(sa.func.count()).where(*_standing(project_id, version))
    return bool(session.scalar(query))


def last_version(session: Session, project_id: int) -> str | None:
    """The version of the newest plan, carried out or not; ``None`` before the first."""
    query = sa.select(PlanRow.version).where(PlanRow.project_id == project_id)
    return session.scalars(query.order_by(PlanRow.id.desc()).limit(1)).first()


def published(session: Session, project_id: int, version: str) -> frozenset[int]:
    """Tasks with a prediction of the version that is in Label Studio, or is going there."""
    query = sa.select(PublicationRow.task_id).where(*_standing(project_id, version))
    return frozenset(session.scalars(query))


def lacks_any(session: Session, project_id: int, version: str) -> bool:
    """Whether some untouched task has no prediction of the version.

    Asked of the newest tasks first: where older ones were answered first, as happens when
    tasks come a file at a time, it is found at once instead of behind all answered ones.
    """
    there = sa.exists().where(
        *_standing(project_id, version), PublicationRow.task_id == TaskRow.task_id
    )
    query = sa.select(TaskRow.task_id).where(waiting.is_untouched(project_id), ~there)
    newest = query.order_by(TaskRow.task_id.desc()).limit(1)
    return session.scalars(newest).first() is not None


def front(session: Session, project_id: int, version: str, *, most: int) -> list[int]:
    """Untouched tasks of the batch that was shown before ``version``, as they are handed out."""
    before = sa.and_(
        PublicationRow.project_id == project_id,
        PublicationRow.version != version,
        PublicationRow.pushed_at.is_not(None),
        PublicationRow.pruning_at.is_(None),
    )
    last = sa.select(PublicationRow.version).where(before)
    shown = session.scalars(last.order_by(PublicationRow.plan_id.desc()).limit(1)).first()
    if shown is None:
        return []
    query = (
        sa.select(TaskRow.task_id)
        .join(PublicationRow, PublicationRow.task_id == TaskRow.task_id)
        .where(before, PublicationRow.version == shown, waiting.is_untouched(project_id))
        .order_by(PublicationRow.confidence, TaskRow.task_id)
        .limit(most)
    )
    return list(session.scalars(query))


def _standing(project_id: int, version: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        PublicationRow.project_id == project_id,
        PublicationRow.version == version,
        PublicationRow.pruning_at.is_(None),
    )


def _open(project_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(PlanRow.project_id == project_id, PlanRow.finished_at.is_(None))
