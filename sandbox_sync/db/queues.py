"""The SQL of filling queues: what is waiting for whom, and reserving it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from sandbox_sync import changes, queueing
from sandbox_sync.db.practice import Lane
from sandbox_sync.db.production import IS_ANSWERED
from sandbox_sync.db.tables import (
    GoldItem,
    LaneRow,
    PracticeItem,
    ProductionTask,
    SnapshotRow,
    Submission,
)
from sandbox_sync.db.writing import insert_many_once
from sandbox_sync.queueing import Candidate, Draw, Gold, Planned

FILE = "file"
"""The origin of gold that never was a task of production."""
HAS_SUBMISSION = sa.exists().where(Submission.item_id == PracticeItem.id)
IS_OPEN = sa.and_(
    PracticeItem.skipped_at.is_(None), PracticeItem.expired_at.is_(None), ~HAS_SUBMISSION
)
"""It counts for the depth of a queue."""
IS_IN_USE = sa.and_(GoldItem.in_queue, GoldItem.retired_at.is_(None))
IS_GOLD = sa.exists().where(GoldItem.snapshot == ProductionTask.snapshot, IS_IN_USE)
"""Kept for the places of gold, so not handed out as an ordinary item."""


def hold(session: Session, lane_id: int) -> None:
    """Nobody else plans for this lane until the end of the transaction."""
    session.execute(sa.select(LaneRow.id).where(LaneRow.id == lane_id).with_for_update())


def hold_tasks(session: Session, task_ids: Collection[int]) -> None:
    """Nobody else reserves or shows items of these production tasks until the end."""
    session.execute(
        sa.select(PracticeItem.id)
        .where(PracticeItem.production_task_id.in_(sorted(task_ids)))
        .order_by(PracticeItem.id)
        .with_for_update()
    )


@dataclass(frozen=True)
class Rules:
    """How queues are filled."""

    depth: int
    gold_share: float
    draw: Draw
    reuses_shown: bool = True
    """Whether a task whose reference was shown to somebody may still be given to others."""


def plan(session: Session, lane: Lane, rules: Rules) -> Sequence[Planned]:
    """The items to make in a lane now. The lane has to be held."""
    still_open, made = _counts(session, lane.id)
    free = rules.depth - still_open
    if free <= 0:
        return ()
    chosen = _waiting(session, lane, limit=free, reuses_shown=rules.reuses_shown)
    places = queueing.gold_places(
        rules.draw, lane.id, first=made, count=len(chosen), share=rules.gold_share
    )
    gold = _gold(session, lane) if any(places) else []
    return queueing.plan(chosen, gold, places, draw=rules.draw, trainee_id=lane.trainee_id)


def _counts(session: Session, lane_id: int) -> tuple[int, int]:
    """How many items of a lane wait for an answer, and how many it ever had."""
    counted = sa.select(
        sa.func.count(sa.case((IS_OPEN, PracticeItem.id))), sa.func.count(PracticeItem.id)
    ).where(PracticeItem.lane_id == lane_id)
    still_open, made = session.execute(counted).one()
    return still_open, made


@cache
def _waiting_query(*, reuses_shown: bool) -> sa.Select[Any]:
    """Built once: to put it together takes longer than to run it."""
    trainee_id: sa.BindParameter[int] = sa.bindparam("trainee_id")
    # What the task says now, whatever its config was when it was copied.
    had = aliased(SnapshotRow)
    mine = sa.exists().where(
        PracticeItem.production_task_id == ProductionTask.id,
        PracticeItem.trainee_id == trainee_id,
        PracticeItem.snapshot == had.digest,
        had.data_digest == ProductionTask.data_digest,
    )
    # Looked up once: as a question about each task, it would read all items again for each.
    gave_way = ProductionTask.id.in_(
        sa.select(PracticeItem.instead_of).where(
            PracticeItem.lane_id.in_(sa.select(LaneRow.id).where(LaneRow.trainee_id == trainee_id)),
            PracticeItem.instead_of.is_not(None),
        )
    )
    shown = sa.exists().where(
        PracticeItem.production_task_id == ProductionTask.id, PracticeItem.revealed_at.is_not(None)
    )
    return (
        sa.select(
            ProductionTask.snapshot,
            ProductionTask.id,
            IS_ANSWERED,
            ProductionTask.eligible_at,
            shown.label("shown"),
            SnapshotRow.data,
            SnapshotRow.suggestion,
            (SnapshotRow.label_config == sa.bindparam("label_config"))
            & (SnapshotRow.guidelines == sa.bindparam("guidelines")),
        )
        .join(SnapshotRow, SnapshotRow.digest == ProductionTask.snapshot)
        .where(
            ProductionTask.project_id == sa.bindparam("project_id"),
            ProductionTask.deleted_at.is_(None),
            ~mine,
            ~gave_way,
            ~IS_GOLD,
            sa.true() if reuses_shown else ~shown,
        )
        .order_by(
            sa.literal_column("shown"),
            IS_ANSWERED.desc(),
            ProductionTask.eligible_at,
            ProductionTask.id,
        )
        .limit(sa.bindparam("most", type_=sa.Integer))
    )


def _waiting(session: Session, lane: Lane, *, limit: int, reuses_shown: bool) -> list[Candidate]:
    rows = session.execute(
        _waiting_query(reuses_shown=reuses_shown),
        {
            "trainee_id": lane.trainee_id,
            "label_config": lane.label_config,
            "guidelines": lane.guidelines,
            "project_id": lane.production_project_id,
            "most": limit,
        },
    )
    needed = changes.read(lane.label_config).fields
    return queueing.in_order(
        Candidate(
            digest,
            task_id,
            answered,
            eligible_at,
            is_shown,
            shape=queueing.shape_of(data, suggestion),
            is_current=is_now and needed <= data.keys(),
        )
        for digest, task_id, answered, eligible_at, is_shown, data, suggestion, is_now in rows
    )


def _gold(session: Session, lane: Lane) -> list[Gold]:
    """Gold of the lane's kind that the trainee has not had, nor the task behind it."""
    had = sa.exists().where(
        PracticeItem.trainee_id == lane.trainee_id,
        (PracticeItem.snapshot == SnapshotRow.digest)
        | (PracticeItem.production_task_id == SnapshotRow.production_task_id)
        & (GoldItem.origin != FILE),
    )
    rows = session.execute(
        sa.select(
            GoldItem.id,
            SnapshotRow.digest,
            SnapshotRow.production_task_id,
            SnapshotRow.data,
            SnapshotRow.suggestion,
        )
        .join(SnapshotRow, SnapshotRow.digest == GoldItem.snapshot)
        .where(GoldItem.production_project_id == lane.production_project_id, IS_IN_USE, ~had)
        .order_by(GoldItem.id)
    )
    return [
        Gold(number, digest, task_id, queueing.shape_of(data, suggestion))
        for number, digest, task_id, data, suggestion in rows
    ]


def reserve(
    session: Session, lane: Lane, planned: Sequence[Planned], *, draw: Draw, now: datetime
) -> set[int]:
    """Reserve one item per snapshot, for us to make; what is reserved already is left alone.

    The ids of the new ones. They count as begun, see :func:`copies.claim`.
    """
    if not planned:
        return set()
    hold_tasks(session, {item.production_task_id for item in planned})
    rows = [
        {
            "key": queueing.practice_key(draw, item.digest, lane.trainee_id),
            "snapshot": item.digest,
            "production_task_id": item.production_task_id,
            "trainee_id": lane.trainee_id,
            "lane_id": lane.id,
            "gold_id": item.gold_id,
            "instead_of": item.instead_of,
            "reserved_at": now,
            "attempted_at": now,
        }
        for item in planned
    ]
    return set(insert_many_once(session, PracticeItem, rows))
