"""The SQL of whose practice runs, is paused or has ended, for the trainers' pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.queues import HAS_SUBMISSION, IS_OPEN
from sandbox_sync.db.tables import LaneRow, PracticeItem, Trainee

ACTIVE, PAUSED, ENDED = "active", "paused", "ended"


@dataclass(frozen=True)
class QueueState:
    """One trainee's queue of one kind."""

    lane_id: int
    kind: str
    state: str
    open_items: int
    expired: int
    """Taken out of the queue unanswered."""


@dataclass(frozen=True)
class Practice:
    """One trainee's practice, and each of their queues."""

    trainee_id: int
    email: str
    state: str
    since: datetime | None
    """When it was paused or ended."""
    ended_by: str | None
    queues: tuple[QueueState, ...] = ()


def of_trainee(session: Session, trainee_id: int) -> Practice | None:
    """The state of one trainee's practice."""
    row = session.get(Trainee, trainee_id)
    if row is None:
        return None
    whole = _state(row)
    found = session.execute(
        sa.select(
            LaneRow.id,
            LaneRow.kind,
            LaneRow.paused_at,
            _count(IS_OPEN),
            _count(PracticeItem.expired_at.is_not(None) & ~HAS_SUBMISSION),
        )
        .outerjoin(PracticeItem, PracticeItem.lane_id == LaneRow.id)
        .where(LaneRow.trainee_id == trainee_id)
        .group_by(LaneRow.id, LaneRow.kind, LaneRow.paused_at)
        .order_by(LaneRow.kind, LaneRow.id)
    )
    queues = tuple(
        QueueState(lane, kind, _of_lane(whole, paused_at), is_open, expired)
        for lane, kind, paused_at, is_open, expired in found
    )
    since = row.left_at or row.paused_at
    return Practice(row.id, row.email, whole, since, row.ended_by, queues)


def not_active(session: Session) -> list[Practice]:
    """Everybody whose practice a trainer has paused or ended, by e-mail."""
    found = session.scalars(
        sa.select(Trainee)
        .where(Trainee.ended_by.is_not(None) | Trainee.paused_at.is_not(None))
        .order_by(sa.func.lower(Trainee.email))
    )
    return [
        Practice(row.id, row.email, _state(row), row.left_at or row.paused_at, row.ended_by)
        for row in found
    ]


def _state(row: Trainee) -> str:
    if row.left_at is not None:
        return ENDED
    return PAUSED if row.paused_at is not None else ACTIVE


def _of_lane(whole: str, paused_at: datetime | None) -> str:
    return PAUSED if whole == ACTIVE and paused_at is not None else whole


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    is_item = PracticeItem.id.is_not(None)
    return sa.func.coalesce(sa.func.sum(sa.case((is_item & condition, 1), else_=0)), 0)
