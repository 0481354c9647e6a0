"""Fill one trainee's queue: reserve, make what is missing in the sandbox, show suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import Json, Task
from sandbox_sync import cloning, queueing
from sandbox_sync.db import practice as lanes
from sandbox_sync.db import queues as rows
from sandbox_sync.db import reveals, snapshots
from sandbox_sync.workflows.reveal import take_back_all
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def fill(room: Room, lane_id: int) -> None:
    """Reserve what the queue has room for, then make every reserved item in the sandbox."""
    lane, waiting, in_the_way = _reserve(room, lane_id)
    if in_the_way:
        take_back_all(room, in_the_way)
        with room.transaction() as session:
            rows.hold(session, lane_id)
            waiting = _claim(room, session, lane_id)
    if lane is None or lane.sandbox_project_id is None or not waiting:
        return
    again = any(item.attempted_at is not None for item in waiting)
    there = _already_there(room, lane.sandbox_project_id) if again else {}
    task_ids = _create(room, lane, waiting, there)
    _suggest(room, lane, waiting, task_ids, there)


def _reserve(
    room: Room, lane_id: int
) -> tuple[lanes.Lane | None, list[rows.Unfinished], list[reveals.Shown]]:
    """Take every free place of the lane; the lane, what to make now, and what has to go first.

    While a reference stands in the way nothing is claimed: taking it back may last longer
    than a claim does.
    """
    with room.transaction() as session:
        rows.hold(session, lane_id)
        lane = lanes.lane(session, lane_id)
        if lane is None or not is_served(room, lane):
            return None, [], []
        planned = _in_step(session, lane, rows.plan(session, lane, rules(room)))
        rows.reserve(session, lane, planned, draw=room.draw, now=this_moment())
        in_the_way = reveals.in_the_way(session, lane_id)
        return lane, [] if in_the_way else _claim(room, session, lane_id), in_the_way


def _in_step(
    session: Session, lane: lanes.Lane, planned: Sequence[queueing.Planned]
) -> list[queueing.Planned]:
    """The same with the config that the lane's project shows now, where that can show it."""

    def now_shown(items: Sequence[queueing.Planned]) -> list[str]:
        digests = [item.digest for item in items]
        config, guidelines = lane.label_config, lane.guidelines
        return snapshots.in_step(session, digests, config, guidelines, now=this_moment())

    shown = now_shown(planned)
    if len(shown) < len(planned):  # it does not say which of them it left out
        planned = [item for item in planned if now_shown([item])]
    return [replace(item, digest=digest) for item, digest in zip(planned, shown, strict=True)]


def rules(room: Room) -> rows.Rules:
    """How queues are filled here."""
    return rows.Rules(
        depth=room.settings.queue_depth,
        gold_share=room.settings.gold_share,
        draw=room.draw,
        reuses_shown=room.settings.reveal != "final",
    )


def is_served(room: Room, lane: lanes.Lane) -> bool:
    """Whether this queue gets items: not while it is paused, ended or without its project."""
    is_there = lane.sandbox_project_id is not None
    is_followed = lane.production_project_id in room.followed
    return is_there and is_followed and not (lane.is_paused or lane.has_left)


def _claim(room: Room, session: Session, lane_id: int) -> list[rows.Unfinished]:
    """What is to be made and nobody else is making; from now on others leave it to us.

    The lane has to be held.
    """
    waiting = [item for item in rows.unfinished(session, lane_id) if not _in_flight(room, item)]
    rows.set_attempted(session, [item.key for item in waiting], now=this_moment())
    return waiting


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
    lane: lanes.Lane,
    waiting: Sequence[rows.Unfinished],
    there: Mapping[str, Task],
) -> dict[str, int]:
    """Sandbox task by key, of every waiting item; only the missing ones are made."""
    project_id = lane.sandbox_project_id or 0
    task_ids = {item.key: there[item.key].id for item in waiting if item.key in there}
    missing = [item for item in waiting if item.key not in there]
    missing = [item for item in missing if item.sandbox_task_id is None]
    made = room.sandbox.import_tasks(project_id, _import_rows(room, missing))
    task_ids |= dict(zip((item.key for item in missing), made, strict=True))
    with room.transaction() as session:
        rows.set_created(session, task_ids, project_id=project_id)
    log.info("items.cloned", sandbox_project=project_id, created=len(made), found=len(there))
    return task_ids


def _import_rows(room: Room, missing: Sequence[rows.Unfinished]) -> list[Json]:
    borrowed = {item.ids_of for item in missing if item.ids_of is not None}
    like: Mapping[int, Json] = {}
    if borrowed:
        with room.reading() as session:
            like = rows.data_of(session, borrowed)
    made = []
    for item in missing:
        row = queueing.clone_row(item.snapshot, item.key)
        if item.ids_of is not None:
            row["data"] = queueing.disguised(row["data"], like.get(item.ids_of, {}))
        made.append(row)
    return made


def _suggest(
    room: Room,
    lane: lanes.Lane,
    waiting: Sequence[rows.Unfinished],
    task_ids: Mapping[str, int],
    there: Mapping[str, Task],
) -> None:
    """Show each item's suggestion, once."""
    project_id = lane.sandbox_project_id or 0
    shown = [
        prediction
        for item in waiting
        if item.key in task_ids and not _is_suggested(there.get(item.key))
        if (prediction := cloning.shown_suggestion(item.snapshot, task_ids[item.key]))
    ]
    room.sandbox.push_predictions(project_id, shown)
    if any(item.snapshot.suggestion is not None for item in waiting):
        _show_suggestions(room, project_id)
    with room.transaction() as session:
        rows.set_suggested(session, task_ids, now=this_moment())


def _is_suggested(task: Task | None) -> bool:
    if task is None:
        return False
    return any(p.model_version == cloning.SHOWN_VERSION for p in task.predictions)


def _already_there(room: Room, project_id: int) -> dict[str, Task]:
    """Sandbox task by our key; of twins the answered one, else the first."""
    found: dict[str, Task] = {}
    tasks = sorted(room.sandbox.tasks(project_id), key=lambda t: (not t.annotations, t.id))
    with room.transaction() as session:
        owners = lanes.owners(session, [task.id for task in tasks])
    for task in tasks:
        key = cloning.key_of(task)
        if key is not None and owners.get(task.id, key) == key:
            found.setdefault(key, task)
    return found


def _show_suggestions(room: Room, project_id: int) -> None:
    """Label Studio takes the version for a project only once a prediction has it."""
    if project_id not in room.suggesting:
        room.sandbox.update_project(project_id, model_version=cloning.SHOWN_VERSION)
        room.suggesting.add(project_id)
