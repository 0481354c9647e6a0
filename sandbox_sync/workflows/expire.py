"""Take items out of a queue: nobody has answered them for too long, or their trainee has left.

Marked first, looked at last: an answer or a draft that is there just before
the item would be deleted keeps it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import NotInLabelStudio
from projects.vocabulary import Task
from sandbox_sync import comparing
from sandbox_sync.db import needs as rows
from sandbox_sync.db import practice as lanes
from sandbox_sync.workflows import practice
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room

LIMIT = 100
"""Items that are begun with in one go."""
GRACE = timedelta(hours=1)
"""Somebody who is not listed among the members any more may be listed again."""

log = logs.get(__name__)


def times(room: Room) -> rows.Times:
    """Since when what is too late, now."""
    moment = this_moment()
    return rows.Times(
        stale_before=moment - timedelta(days=room.settings.expire_days),
        gone_before=moment - GRACE,
        in_flight_after=moment - timedelta(seconds=room.settings.in_flight_seconds),
    )


def is_due(room: Room, session: Session, lane_id: int) -> bool:
    """Whether anything of a lane is to be taken out."""
    return bool(rows.lanes_with_overdue(session, times(room), lane_id=lane_id))


def expire(room: Room, lane_id: int) -> None:
    """Remove what is overdue in a lane from the sandbox; answers stay."""
    moments = times(room)
    with room.transaction() as session:
        lane = lanes.lane(session, lane_id)
        rows.begin_to_expire(session, lane_id, moments, now=this_moment(), limit=LIMIT)
        leaving = rows.expiring(session, lane_id)
    if lane is None or not leaving:
        return
    begun: set[int] = set()
    if not lane.has_left:
        for project_id in {item.sandbox_project_id for item in leaving} - {None}:
            begun |= room.sandbox.drafted_tasks(project_id or 0)
    for item in leaving:
        with apart("expiry", item=item.id):
            _remove(room, item, is_begun=item.sandbox_task_id in begun)


def _remove(room: Room, item: rows.Overdue, *, is_begun: bool) -> None:
    task = _task(room, item.sandbox_task_id)
    if task is not None:
        is_answered = comparing.first_submission(task.annotations, item.trainee_id) is not None
        if is_answered:
            practice.record(room, [task])
        if is_answered or is_begun:
            with room.transaction() as session:
                rows.keep(session, item.id)
            return
        room.sandbox.delete_task(task.id)
    with room.transaction() as session:
        rows.set_removed(session, item.id)
    log.info("item.expired", item=item.id)


def _task(room: Room, task_id: int) -> Task | None:
    try:
        return room.sandbox.task(task_id)
    except NotInLabelStudio:
        return None
