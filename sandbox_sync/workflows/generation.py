"""What becomes of a lane's open items and of its earlier projects when its project changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import NotInLabelStudio
from projects.vocabulary import Prediction, Task
from sandbox_sync import changes, cloning
from sandbox_sync.db import config_changes, needs, snapshots
from sandbox_sync.db import lane_projects as rows
from sandbox_sync.db import practice as items
from sandbox_sync.workflows import looking
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.practice import record, record_new
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def move_open_items(room: Room, lane: items.Lane, project_id: int) -> None:
    """Open items in an earlier project of the lane will be made again in this one."""
    restate_open_items(room, lane)
    with room.transaction() as session:
        stranded = [
            item
            for item in rows.open_items(session, lane.id)
            if item.sandbox_project_id != project_id
        ]
    moved = sum(_move(room, lane, item) for item in stranded)
    if moved:
        log.info("items.moved", lane=lane.id, count=moved)


def _move(room: Room, lane: items.Lane, item: rows.OpenItem) -> bool:
    """Take the old copy away, unless it was answered in the meantime: that answer counts."""
    try:
        task = room.sandbox.task(item.sandbox_task_id)
    except NotInLabelStudio:
        task = None
    if task is not None and task.annotations:
        record(room, [task])
        with room.transaction() as session:
            if item.id not in {one.id for one in rows.open_items(session, lane.id)}:
                return False
    room.sandbox.delete_task(item.sandbox_task_id)
    with room.transaction() as session:
        released = items.release(session, item.sandbox_task_id)
        config_changes.add_done(session, lane.production_project_id, "items_moved", int(released))
    return released


def restate_open_items(room: Room, lane: items.Lane) -> None:
    """Open items are answered with the config of now, so they are read with it too.

    Gold keeps the snapshot that its key was settled for, and is taken out of the
    queue when that key cannot be given any more.
    """
    with room.transaction() as session:
        waiting = rows.open_items(session, lane.id)
        frozen = {item.id: items.snapshot(session, item.snapshot) for item in waiting}
    stale = [
        item
        for item in waiting
        if changes.between(frozen[item.id].label_config, lane.label_config).matters
    ]
    tasks = _tasks_in(room, {item.sandbox_project_id for item in stale})
    record(room, tasks.values())
    for item in stale:
        shown = tasks[item.sandbox_task_id].predictions if item.sandbox_task_id in tasks else ()
        with apart("open_item", passing=False, item=item.id):
            _restate(room, lane, item, frozen[item.id], shown)


def _tasks_in(room: Room, project_ids: set[int]) -> dict[int, Task]:
    """The tasks of these projects by id; one that somebody deleted has none."""
    found: dict[int, Task] = {}
    for project_id in project_ids:
        with suppress(NotInLabelStudio):
            found |= {task.id: task for task in room.sandbox.tasks(project_id)}
    return found


def _restate(
    room: Room,
    lane: items.Lane,
    item: rows.OpenItem,
    before: cloning.Snapshot,
    shown: Sequence[Prediction],
) -> None:
    following = snapshots.with_config(before, lane.label_config, lane.guidelines)
    with room.transaction() as session:
        is_gold = snapshots.is_gold(session, item.snapshot)
        is_lost = item.is_gold and snapshots.is_retired_gold(session, item.snapshot)
        if item.id not in {one.id for one in rows.open_items(session, lane.id)}:
            return
        if not is_gold and snapshots.restate_item(session, item.id, following, now=this_moment()):
            config_changes.add_done(session, lane.production_project_id, "items_restated")
            items.show_again(session, item.id)
    if is_lost:
        _take_out(room, lane, item)
    elif not is_gold and following.suggestion != before.suggestion:
        for prediction in shown:
            room.sandbox.delete_prediction(prediction.id or 0)


def _take_out(room: Room, lane: items.Lane, item: rows.OpenItem) -> None:
    room.sandbox.delete_task(item.sandbox_task_id)
    with room.transaction() as session:
        rows.expire(session, item.id, now=this_moment())
        needs.set_removed(session, item.id)
        config_changes.add_done(session, lane.production_project_id, "items_taken_out")


def look_at_retired(room: Room, *, thoroughly: bool = False) -> None:
    """Answers in earlier projects still count, and may still be changed or deleted."""
    with room.transaction() as session:
        retired = rows.retired(session)
    for project in retired:
        with apart("retired_project", sandbox_project=project.sandbox_project_id):
            _look_at(room, project, thoroughly=thoroughly)


def _look_at(room: Room, project: rows.Retired, *, thoroughly: bool) -> None:
    number = project.sandbox_project_id
    try:
        room.sandbox.project(number)
    except NotInLabelStudio:
        with room.transaction() as session:
            rows.forget_retired(session, number)
        return
    until = None if thoroughly else project.looked_until
    tasks = list(looking.changes(room.sandbox, room.seen_in_sandbox, number, until=until))
    newest, _ = record_new(room, tasks)
    if newest is not None:
        with room.transaction() as session:
            rows.set_looked_until(session, number, newest)
    if thoroughly:
        _remove_late_copies(room, list(chain.from_iterable(tasks)))


def _remove_late_copies(room: Room, tasks: list[Task]) -> None:
    """Copies of ours that landed here after their items had moved, and nobody answered."""
    with room.transaction() as session:
        owners = items.owners(session, [task.id for task in tasks])
    for task in tasks:
        if task.id not in owners and cloning.key_of(task) and not task.annotations:
            room.sandbox.delete_task(task.id)
            log.warning("item.late_copy_removed", sandbox_task=task.id)
