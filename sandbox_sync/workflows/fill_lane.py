"""Fill one trainee's queue: reserve, make what is missing in the sandbox, show suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import Task
from sandbox_sync import cloning
from sandbox_sync.db import practice as rows
from sandbox_sync.db import snapshots
from sandbox_sync.workflows.practice import remove_twins
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def fill(room: Room, lane_id: int) -> None:
    """Reserve what the queue has room for, then make every reserved item in the sandbox."""
    with room.transaction() as session:
        lane = rows.lane(session, lane_id)
        if lane is None or lane.sandbox_project_id is None:
            return
        planned = rows.plan(session, lane, depth=room.settings.queue_depth)
        digests = snapshots.in_step(
            session, planned, lane.label_config, lane.guidelines, now=this_moment()
        )
        rows.reserve(session, lane, digests, now=this_moment())
        waiting = [item for item in rows.unfinished(session, lane.id) if not _in_flight(room, item)]
        rows.set_attempted(session, [item.key for item in waiting], now=this_moment())
    if not waiting:
        return
    again = any(item.attempted_at is not None for item in waiting)
    there = _already_there(room, lane.sandbox_project_id) if again else {}
    task_ids = _create(room, lane.sandbox_project_id, waiting, there)
    remove_twins(room, lane.id, room.sandbox.project(lane.sandbox_project_id))
    _suggest(room, lane.sandbox_project_id, waiting, task_ids, there)


def _in_flight(room: Room, item: rows.Unfinished) -> bool:
    """Whether a request of an earlier try may still be at work, so that looking proves nothing.

    Label Studio goes on with a request whose sender was killed: a copy that is
    not there now can appear a second later.
    """
    if item.attempted_at is None:
        return False
    return this_moment() - item.attempted_at < timedelta(seconds=room.settings.in_flight_seconds)


def _create(
    room: Room,
    project_id: int,
    waiting: Sequence[rows.Unfinished],
    there: Mapping[str, Task],
) -> dict[str, int]:
    """Sandbox task by key, of every waiting item; only the missing ones are made."""
    task_ids = {item.key: there[item.key].id for item in waiting if item.key in there}
    missing = [item for item in waiting if item.key not in there]
    missing = [item for item in missing if item.sandbox_task_id is None]
    made = room.sandbox.import_tasks(
        project_id, [cloning.clone_row(item.snapshot, item.key) for item in missing]
    )
    task_ids |= dict(zip((item.key for item in missing), made, strict=True))
    with room.transaction() as session:
        rows.set_created(session, task_ids, project_id)
    log.info("items.cloned", sandbox_project=project_id, created=len(made), found=len(there))
    return task_ids


def _suggest(
    room: Room,
    project_id: int,
    waiting: Sequence[rows.Unfinished],
    task_ids: Mapping[str, int],
    there: Mapping[str, Task],
) -> None:
    """Show each item's suggestion, once."""
    shown = [
        prediction
        for item in waiting
        if item.key in task_ids and not (item.key in there and there[item.key].predictions)
        if (prediction := cloning.shown_suggestion(item.snapshot, task_ids[item.key]))
    ]
    room.sandbox.push_predictions(project_id, shown)
    if any(item.snapshot.suggestion is not None for item in waiting):
        _show_suggestions(room, project_id)
    with room.transaction() as session:
        rows.set_suggested(session, task_ids, now=this_moment())


def _already_there(room: Room, project_id: int) -> dict[str, Task]:
    """Sandbox task by our key; of twins the answered one, else the first."""
    found: dict[str, Task] = {}
    tasks = sorted(room.sandbox.tasks(project_id), key=lambda t: (not t.annotations, t.id))
    with room.transaction() as session:
        owners = rows.owners(session, [task.id for task in tasks])
    for task in tasks:
        key = cloning.key_of(task)
        if key is not None and owners.get(task.id, key) == key:
            found.setdefault(key, task)
    return found


def _show_suggestions(room: Room, project_id: int) -> None:
    if room.sandbox.project(project_id).model_version != cloning.SHOWN_VERSION:
        room.sandbox.update_project(project_id, model_version=cloning.SHOWN_VERSION)
