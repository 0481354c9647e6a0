"""Looking at production: which tasks are eligible, what they look like, what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.batches import batched
from projects.kit.database import now as this_moment
from projects.kit.errors import NotInLabelStudio, PlatformError
from projects.vocabulary import Project, Task
from sandbox_sync import cloning
from sandbox_sync.db import frozen as frozen_rows
from sandbox_sync.db import production as rows
from sandbox_sync.db import references as reference_rows
from sandbox_sync.db.frozen import Frozen
from sandbox_sync.db.tables import ProductionProject
from sandbox_sync.workflows import config_changes, freezing, looking, references
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room

CHUNK = 50
"""Tasks per transaction: SQLite has one writer, and webhooks are waiting."""

log = logs.get(__name__)


class UnknownProject(PlatformError):
    """A task of a project that was never looked at."""

    retryable = True

    def __init__(self, project_id: int) -> None:
        super().__init__(project_id)
        self.project_id = project_id

    def __str__(self) -> str:
        return f"Production project {self.project_id} was never looked at."


def look_at_projects(room: Room, *, thoroughly: bool = False) -> None:
    """Every project that we follow."""
    for project_id in room.followed:
        with apart("production_project", project=project_id):
            look_at_project(room, project_id, thoroughly=thoroughly)


def look_at_project(room: Room, project_id: int, *, thoroughly: bool = False) -> None:
    """Config, guidelines, the batch that is published now, and what changed since last time.

    ``thoroughly`` also looks for tasks that were deleted without a word.
    """
    with room.transaction() as session:
        before = rows.project(session, project_id)
        known = before.task_count if before is not None else 0
        looked_until = before.looked_until if before is not None else None
    project = look_at_batch(room, project_id)
    if project is None:
        return
    found = looking.changes(
        room.production, room.seen_in_production, project_id, until=looked_until
    )
    _record_new(room, project_id, found)
    if thoroughly or project.task_count < known:
        _find_deleted(room, project_id)


def look_at_batch(room: Room, project_id: int) -> Project | None:
    """Config, guidelines and the batch that is published now; ``None`` if not one of ours."""
    kind = room.followed.get(project_id)
    if kind is None:
        return None
    project = config_changes.look(room, project_id, kind=kind)
    if project.model_version:
        _record_batch(room, project)
    elif _serves_everything(room, project_id):
        record(room, _next_unanswered(room, project_id))
    return project


def _record_batch(room: Room, project: Project) -> None:
    """What the project's model has predicted, where that or the project is not as it was."""
    version = project.model_version
    published = frozenset(room.production.touched(project.id, predicted_by=version))
    batch = (version, project.label_config, project.guidelines, published)
    if room.batches.get(project.id) != batch:
        tasks = room.production.tasks(project.id, predicted_by=version)
        record(room, cloning.in_serving_order(tasks, version))
        room.batches[project.id] = batch


def _next_unanswered(room: Room, project_id: int) -> list[Task]:
    """Without a model nothing is published; then the first tasks that nobody has answered."""
    with room.reading() as session:
        free = room.settings.ahead - rows.count_unanswered(session, project_id)
        known = rows.live_task_ids(session, project_id)
    if free < 1:
        return []
    waiting = (
        task for task in room.production.tasks(project_id, unanswered=True) if task.id not in known
    )
    return list(islice(waiting, free))


def _serves_everything(room: Room, project_id: int) -> bool:
    """Whether nobody publishes batches there: it was added by hand."""
    return project_id not in room.settings.projects


def look_at_answers(room: Room, project_id: int) -> None:
    """What was answered since the last look, and hardly more: people wait for it."""
    with room.reading() as session:
        known = rows.project(session, project_id)
    if known is None or known.looked_until is None:
        look_at_project(room, project_id)
        return
    until = known.looked_until
    found = looking.answers(room.production, room.seen_in_production, project_id, until=until)
    _record_new(room, project_id, found)


def _record_new(room: Room, project_id: int, found: Iterable[Sequence[Task]]) -> None:
    newest: datetime | None = None
    for tasks in found:
        latest = record(room, tasks)
        room.seen_in_production.note(tasks)
        newest = max(filter(None, (newest, latest)), default=None)
    if newest is not None:
        with room.transaction() as session:
            rows.set_looked_until(session, project_id, newest)


def look_at_tasks(room: Room, task_ids: Iterable[int]) -> None:
    """These tasks as they are now."""
    for task_id in task_ids:
        with apart("production_task", passing=False, task=task_id):
            _look_at_task(room, task_id)


def _look_at_task(room: Room, task_id: int) -> None:
    try:
        task = room.production.task(task_id)
    except NotInLabelStudio:
        with room.transaction() as session:
            rows.mark_deleted(session, task_id, now=this_moment())
            frozen_rows.forget(session, task_id)
        return
    record(room, [task])


def look_again(room: Room) -> None:
    """The tasks whose context could not be had, and is to be tried again now."""
    look_at_tasks(room, freezing.due(room))


def look_at_annotations(room: Room, annotation_ids: Iterable[int]) -> None:
    """The tasks that these annotations were the committed answer of."""
    with room.reading() as session:
        task_ids = reference_rows.tasks_of_annotations(session, list(annotation_ids))
    look_at_tasks(room, sorted(task_ids))


def record(room: Room, tasks: Iterable[Task]) -> datetime | None:
    """Store what is new about these tasks; returns the latest change among them."""
    newest: datetime | None = None
    for chunk in batched(tasks, CHUNK):
        _know_projects(room, {task.project_id for task in chunk})
        frozen = freezing.freeze(room, chunk)
        with room.transaction() as session:
            ready = [task for task in chunk if _is_ready(frozen.get(task.id))]
            for task, moment in _to_record(room, session, ready):
                with (
                    apart("production_task", passing=False, task=task.id),
                    session.begin_nested(),
                ):
                    _record_task(room, session, task, frozen.get(task.id), eligible_at=moment)
        latest = max(task.updated_at for task in chunk)
        newest = latest if newest is None else max(newest, latest)
    return newest


def _is_ready(frozen: Frozen | None) -> bool:
    """Nobody gets a task while something in it still has to be looked up."""
    return frozen is None or frozen.data is not None


def _know_projects(room: Room, project_ids: Iterable[int]) -> None:
    """An event may come before the first look at its project."""
    with room.reading() as session:
        unknown = [number for number in project_ids if rows.project(session, number) is None]
    for number in unknown:
        kind = room.followed.get(number)
        if kind is not None:
            config_changes.look(room, number, kind=kind)


def _to_record(room: Room, session: Session, chunk: Iterable[Task]) -> list[tuple[Task, datetime]]:
    """Which tasks are eligible, in the order they came in, since when; handed out by their ids.

    Rows are locked in the order of their ids, so that two looks never wait for each other.
    """
    waiting: dict[int, int] = {}
    chosen: list[tuple[Task, datetime]] = []
    for task in chunk:
        if task.project_id not in room.followed:
            continue
        if rows.task(session, task.id) is None:
            if task.project_id not in waiting:
                waiting[task.project_id] = rows.count_unanswered(session, task.project_id)
            version: str | None = _project(session, task).model_version
            if not version and _serves_everything(room, task.project_id):
                version = None
            count = waiting[task.project_id]
            if not cloning.is_eligible(task, version, waiting=count, ahead=room.settings.ahead):
                continue
            waiting[task.project_id] += not cloning.is_answered(task)
        chosen.append((task, this_moment()))
    return sorted(chosen, key=lambda pair: pair[0].id)


def _project(session: Session, task: Task) -> ProductionProject:
    project = rows.project(session, task.project_id)
    if project is None:
        raise UnknownProject(task.project_id)
    return project


def _record_task(
    room: Room,
    session: Session,
    task: Task,
    frozen: Frozen | None,
    *,
    eligible_at: datetime,
) -> None:
    kind = room.followed.get(task.project_id)
    data_digest = cloning.digest_of(task.data)
    if kind is None or rows.is_stored(session, task, data_digest):
        return
    known = rows.task(session, task.id)
    if known is None or known.deleted_at or known.data_digest != data_digest:
        is_newest = rows.save_snapshot(
            session,
            _snapshot(task, frozen, _project(session, task), kind),
            project_id=task.project_id,
            updated_at=task.updated_at,
            now=this_moment(),
            eligible_at=eligible_at,
        )
        log.info("snapshot.taken", production_task=task.id, kind=kind)
    else:
        is_newest = rows.begin_look(session, task.id, updated_at=task.updated_at)
    if is_newest:
        references.record(room, session, task, kind)


def _snapshot(
    task: Task, frozen: Frozen | None, project: ProductionProject, kind: str
) -> cloning.Snapshot:
    is_same = frozen is None or frozen.data == task.data
    return cloning.Snapshot(
        production_task_id=task.id,
        kind=kind,
        data=task.data if frozen is None or frozen.data is None else frozen.data,
        label_config=project.label_config,
        guidelines=project.guidelines,
        suggestion=cloning.suggestion_of(task, project.model_version),
        own_digest="" if is_same else cloning.digest_of(task.data),
        sources=() if frozen is None else frozen.sources,
    )


def _find_deleted(room: Room, project_id: int) -> None:
    present = room.production.touched(project_id).keys()
    with room.reading() as session:
        missing = rows.live_task_ids(session, project_id) - present
    look_at_tasks(room, sorted(missing))
