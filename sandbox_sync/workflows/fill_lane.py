"""Fill one trainee's queue: reserve, then make what is missing in the sandbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import LabelStudioRefused
from projects.vocabulary import Json, Task
from sandbox_sync import cloning, queueing
from sandbox_sync.db import copies, reveals, snapshots
from sandbox_sync.db import practice as lanes
from sandbox_sync.db import queues as rows
from sandbox_sync.workflows import expire
from sandbox_sync.workflows.reveal import take_back_all
from sandbox_sync.workflows.room import Room

BAD_REQUEST = 400

log = logs.get(__name__)


def fill(room: Room, lane_id: int) -> None:
    """Take out what is too old, reserve what there is room for, make it all in the sandbox."""
    begun = _reserve(room, lane_id)
    if begun.is_overdue:
        expire.expire(room, lane_id)
        begun = _reserve(room, lane_id, looks_for_overdue=False)
    lane, waiting = begun.lane, begun.waiting
    if begun.in_the_way:
        take_back_all(room, begun.in_the_way)
        with room.transaction() as session:
            rows.hold(session, lane_id)
            waiting = _claim(room, session, lane_id)
    if lane is not None and lane.sandbox_project_id is not None and waiting:
        _make(room, lane.sandbox_project_id, waiting)


@dataclass(frozen=True)
class _Begun:
    """What one transaction found and reserved in a lane."""

    lane: lanes.Lane | None = None
    waiting: Sequence[copies.Unfinished] = ()
    """To make now; ours alone."""
    in_the_way: Sequence[reveals.Shown] = ()
    """While a reference stands in the way nothing is claimed: taking it back may last longer
    than a claim does."""
    is_overdue: bool = False
    """Something has to leave the queue first, and nothing was reserved."""


def _reserve(room: Room, lane_id: int, *, looks_for_overdue: bool = True) -> _Begun:
    """Take every free place of the lane."""
    with room.transaction() as session:
        lane = lanes.held(session, lane_id)
        if looks_for_overdue and expire.is_due(room, session, lane_id):
            return _Begun(is_overdue=True)
        if lane is None or not is_served(room, lane):
            return _Begun()
        planned = _in_step(session, lane, rows.plan(session, lane, rules(room)))
        reserved = rows.reserve(session, lane, planned, draw=room.draw, now=this_moment())
        in_the_way = reveals.in_the_way(session, lane_id)
        if in_the_way:
            copies.leave(session, reserved)
            return _Begun(lane, in_the_way=in_the_way)
        return _Begun(lane, _claim(room, session, lane_id, reserved))


def _in_step(
    session: Session, lane: lanes.Lane, planned: Sequence[queueing.Planned]
) -> list[queueing.Planned]:
    """The same with the config that the lane's project shows now, where that can show it."""

    def now_shown(items: Sequence[queueing.Planned]) -> list[str]:
        digests = [item.digest for item in items]
        config, guidelines = lane.label_config, lane.guidelines
        return snapshots.in_step(session, digests, config, guidelines, now=this_moment())

    others = [item for item in planned if not item.is_current]
    shown = now_shown(others) if others else []
    if len(shown) < len(others):  # it does not say which of them it left out
        others = [item for item in others if now_shown([item])]
    following = dict(zip([item.digest for item in others], shown, strict=True))
    return [
        item if item.is_current else replace(item, digest=following[item.digest])
        for item in planned
        if item.is_current or item.digest in following
    ]


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


def _claim(
    room: Room, session: Session, lane_id: int, reserved: Collection[int] = ()
) -> list[copies.Unfinished]:
    """What is to be made and nobody else is making; from now on others leave it to us.

    A request of an earlier try may still be at work, so that looking proves nothing: Label
    Studio goes on with a request whose sender was killed, and a copy that is not there now
    can appear a second later.
    """
    moment = this_moment()
    before = moment - timedelta(seconds=room.settings.in_flight_seconds)
    return copies.claim(session, lane_id, before=before, now=moment, reserved=reserved)


def _make(room: Room, project_id: int, waiting: Sequence[copies.Unfinished]) -> None:
    """Every waiting item in the sandbox, complete."""
    again = any(item.was_attempted for item in waiting)
    there = _already_there(room, project_id) if again else {}
    are_shown = project_id in room.suggesting or all(item.suggestion is None for item in waiting)
    made = _create(room, project_id, waiting, there, are_shown=are_shown)
    if not are_shown or not all(copy.is_complete for copy in made):
        _complete(room, project_id, waiting, made, are_shown=are_shown)


def _create(
    room: Room,
    project_id: int,
    waiting: Sequence[copies.Unfinished],
    there: Mapping[str, Task],
    *,
    are_shown: bool,
) -> list[copies.Made]:
    """A sandbox task for every waiting item; only the missing ones are made."""
    missing = [item for item in waiting if item.key not in there and item.sandbox_task_id is None]
    found = [
        copies.Made(item.key, there[item.key].id, _is_complete(item, there[item.key]))
        for item in waiting
        if item.key in there
    ]
    made = found + _import(room, project_id, missing)
    noted = made if are_shown else [replace(copy, is_complete=False) for copy in made]
    with room.transaction() as session:
        copies.set_created(session, noted, project_id=project_id, now=this_moment())
    log.info("items.cloned", sandbox_project=project_id, created=len(missing), found=len(found))
    return made


def _import(room: Room, project_id: int, missing: Sequence[copies.Unfinished]) -> list[copies.Made]:
    """Make these, their suggestions with them, so that there is no moment without.

    A Label Studio that looks for invalid predictions keeps all of them out for one: then
    the tasks come first, and the suggestions by themselves.
    """
    wanted = _import_rows(room, missing)
    try:
        made = room.sandbox.import_tasks(project_id, wanted)
    except LabelStudioRefused as error:
        bare = [{name: row[name] for name in row if name != "predictions"} for row in wanted]
        if error.code != BAD_REQUEST or bare == wanted:
            raise
        log.warning("suggestions.refused", sandbox_project=project_id)
        made = room.sandbox.import_tasks(project_id, bare)
        wanted = bare
    return [
        copies.Made(item.key, number, item.suggestion is None or "predictions" in row)
        for item, number, row in zip(missing, made, wanted, strict=True)
    ]


def _import_rows(room: Room, missing: Sequence[copies.Unfinished]) -> list[Json]:
    borrowed = {item.ids_of for item in missing if item.ids_of is not None}
    like: Mapping[int, Json] = {}
    if borrowed:
        with room.reading() as session:
            like = copies.data_of(session, borrowed)
    made = []
    for item in missing:
        row = queueing.clone_row(item.data, item.suggestion, item.key)
        if item.ids_of is not None:
            row["data"] = queueing.disguised(row["data"], like.get(item.ids_of, {}))
        made.append(row)
    return made


def _complete(
    room: Room,
    project_id: int,
    waiting: Sequence[copies.Unfinished],
    made: Sequence[copies.Made],
    *,
    are_shown: bool,
) -> None:
    """Show the suggestions that did not come with their tasks, or the project's first ones."""
    suggestions = {item.key: item.suggestion for item in waiting}
    missing = [
        cloning.shown_suggestion(suggestion, copy.sandbox_task_id)
        for copy in made
        if not copy.is_complete and (suggestion := suggestions[copy.key]) is not None
    ]
    room.sandbox.push_predictions(project_id, missing)
    if not are_shown:  # Label Studio takes a version only once a prediction has it
        room.sandbox.update_project(project_id, model_version=cloning.SHOWN_VERSION)
        room.suggesting.add(project_id)
    with room.transaction() as session:
        copies.set_suggested(session, [copy.key for copy in made], now=this_moment())


def _is_complete(item: copies.Unfinished, task: Task) -> bool:
    return item.suggestion is None or any(
        p.model_version == cloning.SHOWN_VERSION for p in task.predictions
    )


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
