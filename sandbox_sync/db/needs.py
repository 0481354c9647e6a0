"""The SQL of what each lane lacks, for all of them at once, and of items that are overdue."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.kit.database import UtcTime
from sandbox_sync.db.copies import IS_UNFINISHED
from sandbox_sync.db.queues import HAS_SUBMISSION, IS_GOLD, IS_OPEN
from sandbox_sync.db.tables import (
    LaneRow,
    PracticeItem,
    ProductionTask,
    Reference,
    SnapshotRow,
    Trainee,
)


@dataclass(frozen=True)
class Need:
    """What one lane lacks."""

    free: int = 0
    """Places in the queue that an item waits for."""
    unfinished: int = 0
    """Items that are not yet as they should be in the sandbox."""


def of_lanes(session: Session, *, depth: int) -> dict[int, Need]:
    """What every lane lacks, by lane."""
    waiting = _waiting(session)
    found = session.execute(
        sa.select(
            PracticeItem.lane_id,
            _count(IS_OPEN),
            _count(IS_UNFINISHED),
        ).group_by(PracticeItem.lane_id)
    )
    items = {lane: (is_open, unfinished) for lane, is_open, unfinished in found}
    needs = {}
    for lane, count in waiting.items():
        is_open, unfinished = items.get(lane, (0, 0))
        needs[lane] = Need(max(0, min(depth - is_open, count)), unfinished)
    return needs


def _waiting(session: Session) -> dict[int, int]:
    """How many ordinary items each lane could still be given."""
    is_ordinary = sa.and_(ProductionTask.deleted_at.is_(None), ~IS_GOLD)
    there = session.execute(
        sa.select(ProductionTask.project_id, sa.func.count())
        .where(is_ordinary)
        .group_by(ProductionTask.project_id)
    )
    counts = {project: int(count) for project, count in there}
    had = session.execute(
        sa.select(PracticeItem.lane_id, sa.func.count(ProductionTask.id.distinct()))
        .join(ProductionTask, ProductionTask.id == PracticeItem.production_task_id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .where(is_ordinary, SnapshotRow.data_digest == ProductionTask.data_digest)
        .group_by(PracticeItem.lane_id)
    )
    given = {lane: int(count) for lane, count in had}
    gave_way = session.execute(
        sa.select(PracticeItem.lane_id, sa.func.count(ProductionTask.id.distinct()))
        .join(ProductionTask, ProductionTask.id == PracticeItem.instead_of)
        .where(is_ordinary)
        .group_by(PracticeItem.lane_id)
    )
    for lane, count in gave_way:
        given[lane] = given.get(lane, 0) + int(count)
    lanes = session.execute(sa.select(LaneRow.id, LaneRow.production_project_id))
    return {lane: counts.get(project, 0) - given.get(lane, 0) for lane, project in lanes}


def spared(session: Session) -> int:
    """Pairs of a trainee who is here and a task that exists, for which no copy is due now.

    Gold has taken the place of some; some are gold themselves, and come when
    their place does; some were taken out unanswered.
    """
    is_here = sa.select(Trainee.id).where(Trainee.left_at.is_(None))
    of_here = PracticeItem.trainee_id.in_(is_here)
    gave_way = session.scalar(
        sa.select(sa.func.count(PracticeItem.id))
        .join(ProductionTask, ProductionTask.id == PracticeItem.instead_of)
        .where(of_here, ProductionTask.deleted_at.is_(None), ~IS_GOLD)
    )
    exists = sa.and_(
        ProductionTask.snapshot == PracticeItem.snapshot, ProductionTask.deleted_at.is_(None)
    )
    expired = session.scalar(
        sa.select(sa.func.count(PracticeItem.id))
        .join(ProductionTask, exists)
        .where(
            of_here, PracticeItem.expired_at.is_not(None), PracticeItem.sandbox_task_id.is_(None)
        )
    )
    people = session.scalar(sa.select(sa.func.count()).select_from(is_here.subquery())) or 0
    kept_as_gold = sa.and_(ProductionTask.deleted_at.is_(None), IS_GOLD)
    golden = session.scalar(sa.select(sa.func.count(ProductionTask.id)).where(kept_as_gold)) or 0
    had = session.scalar(
        sa.select(sa.func.count(PracticeItem.id))
        .join(ProductionTask, exists)
        .where(of_here, IS_GOLD)
    )
    return (gave_way or 0) + (expired or 0) + people * golden - (had or 0)


@dataclass(frozen=True)
class Times:
    """Since when what is too late."""

    stale_before: datetime
    """Reserved earlier: too old."""
    gone_before: datetime
    """Gone from the sandbox earlier: not coming back soon."""
    in_flight_after: datetime
    """Tried later: perhaps a copy is just being made."""


@dataclass(frozen=True)
class Overdue:
    """An item on its way out of the queue."""

    id: int
    trainee_id: int
    sandbox_task_id: int
    sandbox_project_id: int | None


def _is_overdue() -> sa.ColumnElement[bool]:
    """Whether an unanswered item is to be taken out of its queue, by :class:`Times` as bound."""
    stale_before = sa.bindparam("stale_before", type_=UtcTime())
    gone_before = sa.bindparam("gone_before", type_=UtcTime())
    in_flight_after = sa.bindparam("in_flight_after", type_=UtcTime())
    is_gone = Trainee.left_at.is_not(None) & (
        Trainee.ended_by.is_not(None) | (Trainee.left_at < gone_before)
    )
    is_paused = Trainee.paused_at.is_not(None) | LaneRow.paused_at.is_not(None)
    has_answer = sa.exists().where(Reference.production_task_id == PracticeItem.production_task_id)
    is_hopeless = PracticeItem.gold_id.is_(None) & sa.exists().where(
        ProductionTask.id == PracticeItem.production_task_id,
        ProductionTask.deleted_at.is_not(None),
        ~has_answer.correlate(PracticeItem),
    ).correlate(PracticeItem)
    is_stale = (PracticeItem.reserved_at < stale_before) | is_hopeless
    is_here = Trainee.left_at.is_(None) & ~is_paused
    may_appear = PracticeItem.sandbox_task_id.is_(None) & (
        PracticeItem.attempted_at > in_flight_after
    )
    begins = PracticeItem.expired_at.is_(None) & (is_gone | (is_here & is_stale))
    return ~HAS_SUBMISSION & begins & ~sa.func.coalesce(may_appear, sa.false())


_IS_OVERDUE = _is_overdue()
_IS_ON_ITS_WAY = sa.and_(
    PracticeItem.expired_at.is_not(None), PracticeItem.sandbox_task_id.is_not(None), ~HAS_SUBMISSION
)


_WITH_OVERDUE = (
    sa.select(PracticeItem.lane_id)
    .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
    .join(Trainee, Trainee.id == PracticeItem.trainee_id)
    .where(_IS_OVERDUE | _IS_ON_ITS_WAY)
    .distinct()
)
_IN_ONE_LANE = _WITH_OVERDUE.where(PracticeItem.lane_id == sa.bindparam("of_lane"))


def lanes_with_overdue(session: Session, times: Times, *, lane_id: int | None = None) -> set[int]:
    """Lanes with something to take out, of all or of one."""
    if lane_id is None:
        return set(session.scalars(_WITH_OVERDUE, asdict(times)))
    return set(session.scalars(_IN_ONE_LANE, {**asdict(times), "of_lane": lane_id}))


def begin_to_expire(
    session: Session, lane_id: int, times: Times, *, now: datetime, limit: int
) -> None:
    """Mark what is overdue in a lane; from here on it does not count as open."""
    found = (
        sa.select(PracticeItem.id)
        .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .where(PracticeItem.lane_id == lane_id, _IS_OVERDUE)
        .order_by(PracticeItem.id)
        .limit(limit)
        .with_for_update(of=PracticeItem)
    )
    _set_expired(session, list(session.scalars(found, asdict(times))), now)


def expiring(session: Session, lane_id: int) -> list[Overdue]:
    """The marked items of a lane that are still in the sandbox."""
    found = session.execute(
        sa.select(
            PracticeItem.id,
            PracticeItem.trainee_id,
            PracticeItem.sandbox_task_id,
            sa.func.coalesce(PracticeItem.sandbox_project_id, LaneRow.sandbox_project_id),
        )
        .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
        .where(PracticeItem.lane_id == lane_id, _IS_ON_ITS_WAY)
        .order_by(PracticeItem.id)
    )
    return [
        Overdue(item_id, trainee_id, task_id, project_id)
        for item_id, trainee_id, task_id, project_id in found
        if task_id is not None
    ]


def keep(session: Session, item_id: int) -> None:
    """The item was being worked on: it stays."""
    _set_expired(session, [item_id], None)


def _set_expired(session: Session, items: Collection[int], moment: datetime | None) -> None:
    session.execute(
        sa.update(PracticeItem).where(PracticeItem.id.in_(items)).values(expired_at=moment)
    )


def set_removed(session: Session, item_id: int) -> None:
    """The marked item is out of the sandbox."""
    session.execute(
        sa.update(PracticeItem)
        .where(PracticeItem.id == item_id, PracticeItem.expired_at.is_not(None))
        .values(sandbox_task_id=None)
    )


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
