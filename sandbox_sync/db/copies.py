"""The SQL of making reserved items in the sandbox: who makes which, and how far each has come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from projects.kit.database import UtcTime
from sandbox_sync.db.queues import FILE, HAS_SUBMISSION
from sandbox_sync.db.tables import GoldItem, PracticeItem, ProductionTask, SnapshotRow

_ITEMS = cast(sa.Table, PracticeItem.__table__)


@dataclass(frozen=True)
class Unfinished:
    """An item that is not yet as it should be in the sandbox."""

    key: str
    data: dict[str, Any]
    suggestion: dict[str, Any] | None
    """As :class:`Snapshot` has it."""
    sandbox_task_id: int | None
    was_attempted: bool
    """Somebody began to make it before."""
    ids_of: int | None = None
    """The production task whose ids it shows; ``None`` for its own."""


IS_UNFINISHED = sa.and_(
    PracticeItem.sandbox_task_id.is_(None) | PracticeItem.suggested_at.is_(None),
    PracticeItem.expired_at.is_(None),
    ~HAS_SUBMISSION,
)


@cache
def _unfinished() -> sa.Select[Any]:
    """Of a lane, in queue order; built once."""
    shown = aliased(PracticeItem)
    in_sight = sa.exists().where(
        shown.production_task_id == PracticeItem.production_task_id, shown.revealed_at.is_not(None)
    )
    return (
        sa.select(
            PracticeItem.id,
            PracticeItem.attempted_at,
            PracticeItem.key,
            SnapshotRow.data,
            SnapshotRow.suggestion,
            PracticeItem.sandbox_task_id,
            sa.case((GoldItem.origin == FILE, PracticeItem.instead_of)),
        )
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .outerjoin(GoldItem, GoldItem.id == PracticeItem.gold_id)
        .where(PracticeItem.lane_id == sa.bindparam("of_lane"), IS_UNFINISHED, ~in_sight)
        .order_by(PracticeItem.id)
    )


def claim(
    session: Session,
    lane_id: int,
    *,
    before: datetime,
    now: datetime,
    reserved: Collection[int] = (),
) -> list[Unfinished]:
    """The open items without a sandbox task or a suggestion yet, in queue order, for us to make.

    The lane has to be held. Left out are those whose reference still stands
    somewhere in the sandbox, and those that somebody began with after ``before``:
    from now on others leave ours to us in the same way. ``reserved`` were made in
    this transaction and are marked as begun already.
    """
    rows = session.execute(_unfinished(), {"of_lane": lane_id})
    found: list[Unfinished] = []
    older: list[int] = []
    for number, attempted_at, key, data, suggestion, task_id, ids_of in rows:
        is_new = number in reserved
        if is_new or attempted_at is None or attempted_at <= before:
            was_attempted = attempted_at is not None and not is_new
            found.append(Unfinished(key, data, suggestion, task_id, was_attempted, ids_of))
            older += [] if is_new else [number]
    _set_attempted(session, older, now)
    return found


def leave(session: Session, reserved: Collection[int]) -> None:
    """Nobody has begun with these after all."""
    _set_attempted(session, reserved, None)


def _set_attempted(session: Session, ids: Collection[int], moment: datetime | None) -> None:
    if ids:
        marked = sa.update(_ITEMS).where(_ITEMS.c.id.in_(list(ids))).values(attempted_at=moment)
        session.connection().execute(marked)


def data_of(session: Session, task_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What these production tasks say now, by task."""
    found = session.execute(
        sa.select(ProductionTask.id, SnapshotRow.data)
        .join(SnapshotRow, SnapshotRow.digest == ProductionTask.snapshot)
        .where(ProductionTask.id.in_(task_ids))
    )
    return {number: data for number, data in found}


@dataclass(frozen=True)
class Made:
    """A copy in the sandbox; ``is_complete`` when it shows its suggestion or has none to show."""

    key: str
    sandbox_task_id: int
    is_complete: bool


_CREATED = (
    sa.update(_ITEMS)
    .where(_ITEMS.c.key == sa.bindparam("of_key"))
    .values(
        sandbox_task_id=sa.func.coalesce(
            _ITEMS.c.sandbox_task_id, sa.bindparam("number", type_=sa.Integer)
        ),
        sandbox_project_id=sa.case(
            (
                _ITEMS.c.sandbox_task_id.is_(None),
                sa.bindparam("of_project", type_=sa.Integer),
            ),
            else_=_ITEMS.c.sandbox_project_id,
        ),
        suggested_at=sa.func.coalesce(
            sa.bindparam("moment", type_=UtcTime()), _ITEMS.c.suggested_at
        ),
    )
)


def set_created(
    session: Session, copies: Sequence[Made], *, project_id: int, now: datetime
) -> None:
    """Remember which sandbox task each item became, in which project, and which are complete."""
    if not copies:
        return
    rows = [
        {
            "of_key": copy.key,
            "number": copy.sandbox_task_id,
            "of_project": project_id,
            "moment": now if copy.is_complete else None,
        }
        for copy in copies
    ]
    session.connection().execute(_CREATED, rows)


def set_suggested(session: Session, keys: Collection[str], *, now: datetime) -> None:
    """These items show their suggestion."""
    if keys:
        marked = sa.update(_ITEMS).where(_ITEMS.c.key.in_(list(keys))).values(suggested_at=now)
        session.connection().execute(marked)
