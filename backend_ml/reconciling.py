"""What no webhook told us: ask Label Studio what changed since the last look.

Each look begins with the project itself: is it there, what can be answered in it, how
many people answer a task. When its labelling config has changed, every answer is read
again: reading leaves out labels that the config does not offer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import waiting
from backend_ml.labels import LabelStore
from backend_ml.tables import LookRow, ProjectRow, TaskRow, hold
from backend_ml.workshop import UnknownProject, Workshop
from projects.kit import logs
from projects.kit.batches import batched
from projects.kit.database import transaction
from projects.kit.errors import BadInput, NotInLabelStudio
from projects.vocabulary import Project, Task

OVERLAP = timedelta(seconds=60)
"""Looks overlap by this much: clocks differ, and a change takes time to become visible."""
FULL_EVERY = 30
"""Every so many looks the whole list is compared, which shows tasks that were deleted."""
CHUNK = 50
"""Tasks per transaction: few enough that no webhook waits long for its turn."""
BREATH_SECONDS = 0.1
"""Between two transactions of a look at everything: SQLite gives its lock to whoever asks at
the right moment, and who writes without a pause keeps webhooks waiting for many seconds."""

log = logs.get(__name__)


@dataclass(frozen=True)
class Look:
    """What one look is to see."""

    began: datetime
    config: str
    after: datetime | None
    """Only tasks touched since; ``None`` for all."""
    everything: bool
    """Each task is compared, whatever we know of it."""
    reread: bool
    """The config is not the one under which the answers were read."""


def reconcile(workshop: Workshop, project_id: int) -> int:
    """Compare a project with Label Studio; returns how many tasks were looked at.

    A project that is gone there is left as it was, and so is everything else of ours.
    """
    try:
        project = workshop.studio.project(project_id)
    except NotInLabelStudio:
        _mark_gone(workshop, project_id)
        return 0
    look = _begin(workshop, project)
    shown = _compare_tasks(workshop, project_id, look)
    if look.after is None:
        _forget_missing(workshop, project_id, shown, look.began)
    with transaction(workshop.sessions) as session:
        row = session.get_one(LookRow, project_id)
        row.looked_at, row.looks, row.config = look.began, row.looks + 1, look.config
        session.get_one(ProjectRow, project_id).people = list(
            waiting.at_work(session, project_id, now=look.began)
        )
    log.debug("project.compared", project=project_id, tasks=len(shown), full=look.after is None)
    return len(shown)


def _begin(workshop: Workshop, project: Project) -> Look:
    """Keep what Label Studio says of the project, and say what there is to look at."""
    began = workshop.clock()
    problem = _problem(workshop, project)
    with transaction(workshop.sessions) as session:
        hold(session, project.id)
        row = _project_row(session, project.id)
        if row.config_problem != problem:
            log.warning("config.unsuitable", project=int(project.id), fits=problem is None)
        row.config, row.config_problem, row.gone = project.label_config, problem, False
        row.overlap, row.skips_count = project.overlap, project.skips_count
        look = session.get(LookRow, project.id)
        if look is None:
            look = LookRow(project_id=project.id, looks=0)
            session.add(look)
        reread = look.config != project.label_config
        everything = look.looked_at is None or reread
        whole = everything or look.looks % FULL_EVERY == 0
        after = None if whole or look.looked_at is None else look.looked_at - OVERLAP
    return Look(began, project.label_config, after, everything, reread)


def _problem(workshop: Workshop, project: Project) -> str | None:
    """Why the kind cannot answer under the project's config."""
    kind = workshop.settings.kind_of(project.id)
    if kind is None:
        raise UnknownProject(project.id)
    try:
        kind.with_config(project.label_config)
    except BadInput as error:
        return str(error)
    return None


def _mark_gone(workshop: Workshop, project_id: int) -> None:
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        row = _project_row(session, project_id)
        if not row.gone:
            log.warning("project.gone", project=project_id)
        row.gone = True


def _project_row(session: Session, project_id: int) -> ProjectRow:
    row = session.get(ProjectRow, project_id)
    if row is None:
        row = ProjectRow(project_id=project_id, config="", overlap=1, gone=False, people=[])
        session.add(row)
    return row


def _compare_tasks(workshop: Workshop, project_id: int, look: Look) -> set[int]:
    """Bring every task of the look to the state it has in Label Studio; returns their ids."""
    kind = workshop.kind(project_id)
    shown: set[int] = set()
    for part in _to_compare(workshop, project_id, look, shown):
        with transaction(workshop.sessions) as session:
            hold(session, project_id)
            store = LabelStore(session, project_id, kind, now=workshop.clock(), reread=look.reread)
            for task in part:
                _compare(session, store, task)
        if look.after is None:
            time.sleep(BREATH_SECONDS)
    return shown


def _to_compare(
    workshop: Workshop, project_id: int, look: Look, shown: set[int]
) -> Iterator[list[Task]]:
    """The tasks that we may not know as they are now; ``shown`` gets the ids of all.

    Label Studio takes long to write a task out, and not to say when each was touched:
    only what was touched after we compared it is written out.
    """
    if look.everything:
        for part in batched(workshop.studio.tasks(project_id), CHUNK):
            shown.update(task.id for task in part)
            yield part
        return
    touched = workshop.studio.touched(project_id, since=look.after)
    shown.update(touched)
    with workshop.reading() as session:
        known = _compared(session, project_id, since=look.after)
    new = (number for number, moment in touched.items() if known.get(number) != moment)
    for ids in batched(new, CHUNK):
        yield list(workshop.studio.tasks(project_id, among=ids))


def _compared(
    session: Session, project_id: int, *, since: datetime | None
) -> dict[int, datetime | None]:
    """When the tasks were touched last that are compared, those of a moment after ``since``."""
    query = sa.select(TaskRow.task_id, TaskRow.touched_at).where(
        TaskRow.project_id == project_id, TaskRow.deleted.is_(False)
    )
    if since is not None:
        query = query.where(TaskRow.touched_at > since)
    return {task_id: moment for task_id, moment in session.execute(query)}


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
