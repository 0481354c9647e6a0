"""Looking at the sandbox: who practises, what was answered, what went missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import NotInLabelStudio
from projects.vocabulary import Project, Task
from sandbox_sync import cloning, queueing
from sandbox_sync.db import lane_projects as project_rows
from sandbox_sync.db import practice as rows
from sandbox_sync.db import submissions as submission_rows
from sandbox_sync.db import trainees
from sandbox_sync.workflows import looking, submissions
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.reveal import remove_strays
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def find_trainees(room: Room) -> None:
    """Every member of the sandbox who is not a trainer has a lane per kind."""
    emails = {
        number: email
        for number, email in room.sandbox.emails().items()
        if email and not room.settings.is_trainer(email)
    }
    with room.transaction() as session:
        joined = trainees.save_trainees(session, emails, now=this_moment())
        made = trainees.make_lanes(session, room.followed)
    if joined or made:
        log.info("trainees.found", joined=len(joined), lanes=made)


def look_at_lanes(room: Room, *, thoroughly: bool = False) -> None:
    """What changed in every lane's project, and whether it is still ours in form."""
    with room.reading() as session:
        lanes = rows.lanes(session)
    listing: dict[int, Project] = {project.id: project for project in room.sandbox.projects()}
    for lane in lanes:
        if lane.sandbox_project_id is not None:
            with apart("lane", lane=lane.id):
                _look_at_lane(room, lane, listing, thoroughly=thoroughly)


def look_at_tasks(room: Room, task_ids: Iterable[int]) -> None:
    """These sandbox tasks as they are now; those that are not practice items are left alone."""
    for task_id in task_ids:
        with apart("sandbox_task", passing=False, task=task_id):
            _look_at_task(room, task_id)


def _look_at_task(room: Room, task_id: int) -> None:
    with room.reading() as session:
        is_ours = bool(rows.owners(session, [task_id]))
    if not is_ours:
        _look_for_twin(room, task_id)
        return
    try:
        task = room.sandbox.task(task_id)
    except NotInLabelStudio:
        _release(room, task_id)
        return
    record(room, [task])


def _look_for_twin(room: Room, task_id: int) -> None:
    """A task we do not know may be a second copy of one that we do."""
    try:
        task = room.sandbox.task(task_id)
    except NotInLabelStudio:
        return
    key = cloning.key_of(task)
    if key is None:
        return
    with room.transaction() as session:
        lane_id = rows.lane_of_key(session, key, task.project_id)
    if lane_id is not None:
        remove_twins(room, lane_id, task.project_id, [task])


def record_new(
    room: Room, found: Iterable[Sequence[Task]]
) -> tuple[datetime | None, Sequence[Task]]:
    """Store what a look has found: the latest change, and tasks that are no item we know.

    Those may be items in a moment, when they are noted as made: they are read again.
    """
    newest: datetime | None = None
    unknown: list[Task] = []
    for tasks in found:
        with room.reading() as session:
            owners = rows.owners(session, [task.id for task in tasks])
        latest = record(room, tasks)
        room.seen_in_sandbox.note(task for task in tasks if task.id in owners)
        unknown += [task for task in tasks if task.id not in owners]
        newest = max(filter(None, (newest, latest)), default=None)
    return newest, unknown


def record(room: Room, tasks: Iterable[Task]) -> datetime | None:
    """Store what was submitted, skipped or taken back; returns the latest change among these."""
    newest: datetime | None = None
    bare: list[Task] = []
    for task in tasks:
        newest = task.updated_at if newest is None else max(newest, task.updated_at)
        if task.annotations:
            _record(room, task)
        else:
            bare.append(task)
    if bare:
        with room.transaction() as session:
            marked = submission_rows.marked(session, [task.id for task in bare])
        for task in bare:
            if task.id in marked:
                _record(room, task)
    return newest


def _record(room: Room, task: Task) -> None:
    with apart("sandbox_task", passing=False, task=task.id), room.transaction() as session:
        submissions.record_task(room, session, task)


def seen_digest(project: Project) -> str:
    """The part of a project that has to follow production, as Label Studio shows it."""
    return cloning.project_digest(
        project.label_config, project.guidelines, project.sampling, project.extra
    )


def _look_at_lane(
    room: Room, lane: rows.Lane, listing: Mapping[int, Project], *, thoroughly: bool
) -> None:
    project = listing.get(lane.sandbox_project_id or 0) or _project_of(room, lane)
    if project is None:
        return
    if lane.seen and seen_digest(project) != lane.seen:
        with room.transaction() as session:
            rows.set_drifted(session, lane.id)
    is_shown = project.model_version == cloning.SHOWN_VERSION
    (room.suggesting.add if is_shown else room.suggesting.discard)(project.id)
    seen, until = room.seen_in_sandbox, lane.looked_until
    newest, _ = record_new(room, looking.changes(room.sandbox, seen, project.id, until=until))
    with room.transaction() as session:
        if newest is not None:
            rows.set_looked_until(session, lane.id, newest)
        expected = rows.known_task_count(session, lane.id, project.id)
    if thoroughly or project.task_count != expected:
        there = room.sandbox.touched(project.id).keys()
        strange = _find_deleted(room, lane.id, project.id, there)
        remove_twins(room, lane.id, project.id, strange)


def _project_of(room: Room, lane: rows.Lane) -> Project | None:
    """A listing of several pages can miss one that is there; only a refusal proves it gone."""
    try:
        return room.sandbox.project(lane.sandbox_project_id or 0)
    except NotInLabelStudio:
        with room.transaction() as session:
            project_rows.forget_project(session, lane.id)
        log.warning("lane.lost", lane=lane.id)
        return None


def remove_twins(room: Room, lane_id: int, project_id: int, strange: Iterable[Task]) -> None:
    """Second copies of an item, which a busy Label Studio can make by itself, and late.

    A request whose sender was killed has been seen to land 47 seconds later. The copy
    that was answered stays, and its answer counts; the others go. ``strange`` are tasks that
    no item was recorded as; only what they may be copies of is read.
    """
    with room.transaction() as session:
        recorded = rows.recorded_tasks(session, lane_id, project_id)
    copies: dict[str, list[Task]] = defaultdict(list)
    for task in strange:
        if task.id not in recorded.values():
            copies[cloning.key_of(task) or ""].append(task)
    twice = {recorded[key]: key for key in copies.keys() & recorded.keys()}
    for task in room.sandbox.tasks(project_id, among=twice):
        key = twice[task.id]
        same = _same_item(room, key, [task, *copies[key]])
        if len(same) > 1 and task in same:
            with apart("twins", passing=False, lane=lane_id, task=task.id):
                _keep_one(room, key, same, task.id)


def _same_item(room: Room, key: str, copies: Sequence[Task]) -> list[Task]:
    """Without the tasks that are another item, whatever key somebody has written on them."""
    with room.transaction() as session:
        owners = rows.owners(session, [task.id for task in copies])
    return [task for task in copies if owners.get(task.id, key) == key]


def _keep_one(room: Room, key: str, copies: Sequence[Task], recorded: int) -> None:
    kept = queueing.copy_to_keep(copies, recorded)
    if kept.id != recorded:
        with room.transaction() as session:
            rows.move(session, key, kept.id)
        record(room, [kept])
    for task in copies:
        if task.id != kept.id:
            room.sandbox.delete_task(task.id)
            log.warning("item.twin_removed", sandbox_task=task.id, answered=bool(task.annotations))


def _find_deleted(
    room: Room, lane_id: int, project_id: int, there: AbstractSet[int]
) -> Sequence[Task]:
    """Items whose task is gone, and tasks and references that ought to be.

    The tasks that no item is recorded as.
    """
    with room.transaction() as session:
        known = rows.open_tasks(session, lane_id, project_id)
        gone = rows.removed_keys(session, lane_id)
        unknown = there - rows.owners(session, there).keys()
    look_at_tasks(room, sorted(set(known.values()) - there))
    remove_strays(room, project_id)
    strange = list(room.sandbox.tasks(project_id, among=unknown))
    for task in strange:
        if cloning.key_of(task) in gone and not task.annotations:
            room.sandbox.delete_task(task.id)
            log.warning("item.late_copy_removed", sandbox_task=task.id)
    return strange


def _release(room: Room, task_id: int) -> None:
    with room.transaction() as session:
        if rows.release(session, task_id):
            log.warning("item.lost", sandbox_task=task_id)
