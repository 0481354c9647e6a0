"""The SQL of the projects that a lane has, and had, in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.practice import release_all
from sandbox_sync.db.tables import LaneProject, LaneRow, PracticeItem, Submission
from sandbox_sync.db.writing import insert_once


@dataclass(frozen=True)
class Retired:
    """A project of an earlier generation: nothing new is put there."""

    lane_id: int
    sandbox_project_id: int
    looked_until: datetime | None


@dataclass(frozen=True)
class OpenItem:
    """An item that its trainee has not answered, and its task."""

    id: int
    lane_id: int
    key: str
    snapshot: str
    sandbox_task_id: int
    sandbox_project_id: int
    is_gold: bool


def set_project(
    session: Session, lane_id: int, *, project_id: int, applied: str, seen: str, now: datetime
) -> None:
    """Remember the lane's sandbox project and what was brought there."""
    row = session.get_one(LaneRow, lane_id)
    row.sandbox_project_id, row.applied, row.seen = project_id, applied, seen
    insert_once(
        session,
        LaneProject,
        sandbox_project_id=project_id,
        lane_id=lane_id,
        generation=row.generation,
        made_at=now,
    )


def forget_project(session: Session, lane_id: int) -> None:
    """The lane's project is gone: make a new one, with the items nobody has answered."""
    row = session.get_one(LaneRow, lane_id)
    session.execute(
        sa.delete(LaneProject).where(LaneProject.sandbox_project_id == row.sandbox_project_id)
    )
    release_all(
        session,
        PracticeItem.lane_id == lane_id,
        PracticeItem.sandbox_project_id == row.sandbox_project_id,
        PracticeItem.skipped_at.is_(None),
    )
    row.sandbox_project_id, row.applied, row.seen, row.looked_until = None, "", "", None


def begin_generation(session: Session, lane_id: int, *, refused_by: int, now: datetime) -> bool:
    """Retire the project that refused; False when that is not the lane's project any more."""
    row = session.get_one(LaneRow, lane_id, with_for_update=True, populate_existing=True)
    if row.sandbox_project_id != refused_by:
        return False
    session.execute(
        sa.update(LaneProject)
        .where(LaneProject.sandbox_project_id == refused_by)
        .values(retired_at=now, looked_until=row.looked_until)
    )
    row.generation += 1
    row.sandbox_project_id, row.applied, row.seen, row.looked_until = None, "", "", None
    return True


def known(session: Session, project_id: int) -> Retired | None:
    """What we know of a sandbox project that a lane has, or had."""
    row = session.get(LaneProject, project_id)
    return None if row is None else _of_lane(row)


def taken_projects(session: Session, *, except_lane: int) -> set[int]:
    """The sandbox projects of all other lanes, and those that this one had before."""
    current = session.scalar(sa.select(LaneRow.sandbox_project_id).where(LaneRow.id == except_lane))
    found = session.scalars(sa.select(LaneProject.sandbox_project_id))
    return {number for number in found if number != current}


def retired(session: Session, lane_id: int | None = None) -> list[Retired]:
    """The earlier projects of one lane, or of all."""
    found = sa.select(LaneProject).where(LaneProject.retired_at.is_not(None))
    if lane_id is not None:
        found = found.where(LaneProject.lane_id == lane_id)
    return [
        _of_lane(row) for row in session.scalars(found.order_by(LaneProject.sandbox_project_id))
    ]


def _of_lane(row: LaneProject) -> Retired:
    return Retired(row.lane_id, row.sandbox_project_id, row.looked_until)


def set_looked_until(session: Session, project_id: int, moment: datetime) -> None:
    """Remember the newest change that we have seen in a retired project; it never goes back."""
    row = session.get_one(LaneProject, project_id)
    row.looked_until = max(moment, row.looked_until or moment)


def forget_retired(session: Session, project_id: int) -> None:
    """A retired project is gone; what was answered there stays with us."""
    session.execute(sa.delete(LaneProject).where(LaneProject.sandbox_project_id == project_id))


def expire(session: Session, item_id: int, *, now: datetime) -> None:
    """Out of the queue; it keeps the number of the task that it was."""
    session.get_one(PracticeItem, item_id).expired_at = now


def open_items(session: Session, lane_id: int) -> list[OpenItem]:
    """The items of a lane that wait for their trainee, with a task in whichever project."""
    found = (
        sa.select(PracticeItem)
        .outerjoin(Submission, Submission.item_id == PracticeItem.id)
        .where(
            PracticeItem.lane_id == lane_id,
            PracticeItem.sandbox_task_id.is_not(None),
            PracticeItem.skipped_at.is_(None),
            PracticeItem.expired_at.is_(None),
            Submission.item_id.is_(None),
        )
        .order_by(PracticeItem.id)
    )
    return [
        OpenItem(
            id=row.id,
            lane_id=row.lane_id,
            key=row.key,
            snapshot=row.snapshot,
            sandbox_task_id=row.sandbox_task_id or 0,
            sandbox_project_id=row.sandbox_project_id or 0,
            is_gold=row.gold_id is not None,
        )
        for row in session.scalars(found)
    ]
