"""Which tasks wait for a person, as Label Studio counts answers and skips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import AnnotationRow, AssignmentRow, ProjectRow, TaskRow

AT_WORK = timedelta(hours=1)
"""Who annotated within this time is taken to be at work."""


def is_open(session: Session, project_id: int) -> sa.ColumnElement[bool]:
    """Condition on ``TaskRow``: it is there, and somebody at work could still answer it.

    A task takes as many annotations as the project's overlap says. A skip is one of
    them only where Label Studio ignores skipped tasks; where it gives them to others,
    the task is open as long as one of the people at work has not touched it. When all
    have, nobody would get it: it must not count as work that is waiting.
    """
    row = session.get(ProjectRow, project_id)
    overlap, skips_count, people = 1, False, []
    if row is not None:
        overlap, skips_count, people = row.overlap, row.skips_count, list(row.people)
    counted = sa.true() if skips_count else AnnotationRow.skipped.is_(False)
    done = sa.func.count(sa.case((counted, 1)))
    of_people = AnnotationRow.completed_by.in_(people)
    touched = sa.func.count(sa.distinct(sa.case((of_people, AnnotationRow.completed_by))))
    finished = (
        sa.select(AnnotationRow.task_id)
        .where(*_of_task(project_id))
        .group_by(AnnotationRow.task_id)
        .having(sa.or_(done >= overlap, touched >= len(people)))
    )
    return sa.and_(
        TaskRow.project_id == project_id,
        TaskRow.deleted.is_(False),
        TaskRow.text != "",
        ~sa.exists(finished.correlate(TaskRow)),
    )


def is_begun(project_id: int) -> sa.ColumnElement[bool]:
    """Condition on ``TaskRow``: somebody has answered or skipped it."""
    return sa.exists().where(*_of_task(project_id)).correlate(TaskRow)


def open_tasks(session: Session, project_id: int) -> list[tuple[int, str]]:
    """(id, text) of the open tasks, in the order of ids."""
    query = sa.select(TaskRow.task_id, TaskRow.text).where(is_open(session, project_id))
    rows = session.execute(query.order_by(TaskRow.task_id))
    return [(task_id, text) for task_id, text in rows]


def is_untouched(project_id: int) -> sa.ColumnElement[bool]:
    """Condition on ``TaskRow``: it is there, and nobody has answered or skipped it."""
    return sa.and_(
        TaskRow.project_id == project_id,
        TaskRow.deleted.is_(False),
        TaskRow.text != "",
        ~is_begun(project_id),
    )


def untouched(session: Session, project_id: int, *, drawn: bool = False) -> list[int]:
    """Ids of the untouched tasks, in their order; with ``drawn`` of those that have an arm."""
    query = sa.select(TaskRow.task_id).where(is_untouched(project_id))
    if drawn:
        query = query.join(
            AssignmentRow,
            (AssignmentRow.project_id == TaskRow.project_id)
            & (AssignmentRow.task_id == TaskRow.task_id),
        )
    return list(session.scalars(query.order_by(TaskRow.task_id)))


def texts(session: Session, project_id: int) -> dict[int, str]:
    """The text of each open task, by its id."""
    return dict(open_tasks(session, project_id))


def begun(session: Session, project_id: int, *, most: int) -> list[int]:
    """Ids of open tasks that somebody has answered or skipped, those with most answers first."""
    answers = (
        sa.select(sa.func.count())
        .select_from(AnnotationRow)
        .where(*_of_task(project_id))
        .correlate(TaskRow)
        .scalar_subquery()
    )
    query = (
        sa.select(TaskRow.task_id)
        .where(is_begun(project_id), is_open(session, project_id))
        .order_by(answers.desc(), TaskRow.task_id)
        .limit(most)
    )
    return list(session.scalars(query))


def at_work(session: Session, project_id: int, *, now: datetime) -> Sequence[int]:
    """Who has annotated within ``AT_WORK``, by id."""
    query = sa.select(AnnotationRow.completed_by).where(
        AnnotationRow.project_id == project_id,
        AnnotationRow.deleted.is_(False),
        AnnotationRow.completed_by.is_not(None),
        AnnotationRow.updated_at > now - AT_WORK,
    )
    return sorted({int(person) for person in session.scalars(query.distinct()) if person})


def people(session: Session, project_id: int) -> int:
    """How many people were at work at the last look."""
    row = session.get(ProjectRow, project_id)
    return 0 if row is None else len(row.people)


def _of_task(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """That an annotation is one of the task's."""
    return (
        AnnotationRow.project_id == project_id,
        AnnotationRow.task_id == TaskRow.task_id,
        AnnotationRow.deleted.is_(False),
    )
