"""What no webhook told us: ask Label Studio what changed since the last look."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.labels import LabelStore
from backend_ml.tables import LookRow, TaskRow, hold
from backend_ml.workshop import Workshop
from projects.kit import logs
from projects.kit.database import transaction
from projects.kit.errors import NotInLabelStudio
from projects.vocabulary import Task

OVERLAP = timedelta(seconds=60)
"""Looks overlap by this much: clocks differ, and a change takes time to become visible."""
FULL_EVERY = 30
"""Every so many looks the whole list is compared, which shows tasks that were deleted."""
CHUNK = 50
"""Tasks per transaction: few enough that no webhook waits long for its turn."""

log = logs.get(__name__)


def reconcile(workshop: Workshop, project_id: int) -> int:
    """Compare a project with Label Studio; returns how many tasks were looked at."""
    began = workshop.clock()
    with transaction(workshop.sessions) as session:
        look = session.get(LookRow, project_id)
        last, looks = (look.looked_at, look.looks) if look else (None, 0)
    full = last is None or looks % FULL_EVERY == 0
    after = None if full or last is None else last - OVERLAP
    kind = workshop.kind(project_id)
    shown: set[int] = set()
    tasks = workshop.studio.tasks(project_id, updated_after=after)
    while part := list(islice(tasks, CHUNK)):
        with transaction(workshop.sessions) as session:
            hold(session, project_id)
            store = LabelStore(session, project_id, kind, now=workshop.clock())
            for task in part:
                _compare(session, store, task)
        shown.update(task.id for task in part)
    if full:
        _forget_missing(workshop, project_id, shown, began)
    with transaction(workshop.sessions) as session:
        look = session.get(LookRow, project_id)
        if look is None:
            look = LookRow(project_id=project_id, looks=0)
            session.add(look)
        look.looked_at, look.looks = began, looks + 1
    log.debug("project.compared", project=project_id, tasks=len(shown), full=full)
    return len(shown)


def _compare(session: Session, store: LabelStore, task: Task) -> None:
    """One task by itself: what cannot be read leaves no trace and holds up no other task."""
    try:
        with session.begin_nested():
            store.compare(task)
    except Exception as error:  # noqa: BLE001 - whatever a task says, the others go on
        log.warning(
            "task.unreadable",
            project=int(task.project_id),
            task=task.id,
            error=type(error).__name__,
        )


def _forget_missing(workshop: Workshop, project_id: int, shown: set[int], began: datetime) -> None:
    """Tasks that were known before the look and that Label Studio does not have any more.

    Not being on the list is no proof: when a task goes while the list is read, the
    pages move up, and one that is there is on none of them. Each is asked for.
    """
    with transaction(workshop.sessions) as session:
        known = session.scalars(
            sa.select(TaskRow.task_id).where(
                TaskRow.project_id == project_id,
                TaskRow.deleted.is_(False),
                TaskRow.seen_at < began,
            )
        ).all()
    found = {task_id: _look_up(workshop, task_id) for task_id in known if task_id not in shown}
    if not found:
        return
    gone = [task_id for task_id, task in found.items() if task is None]
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        store = LabelStore(session, project_id, workshop.kind(project_id), now=workshop.clock())
        store.forget_tasks(gone)
        for task in found.values():
            if task is not None:
                _compare(session, store, task)
    log.info("tasks.missing", project=project_id, gone=len(gone), there=len(found) - len(gone))


def _look_up(workshop: Workshop, task_id: int) -> Task | None:
    """The task as it is now, ``None`` when it is gone."""
    try:
        return workshop.studio.task(task_id)
    except NotInLabelStudio:
        return None
