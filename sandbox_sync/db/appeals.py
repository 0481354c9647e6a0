"""The SQL of appeals: filed once per state of a comparison, ruled once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.tables import (
    Appeal,
    Comparison,
    PracticeItem,
    ProductionTask,
    SnapshotRow,
    Trainee,
)
from sandbox_sync.db.writing import insert_once

UPHELD, ALSO, DISMISSED = "upheld", "also", "dismissed"
RULINGS = (UPHELD, ALSO, DISMISSED)


@dataclass(frozen=True)
class Case:
    """An appeal and what it is about."""

    appeal: Appeal
    comparison: Comparison
    item: PracticeItem
    snapshot: SnapshotRow
    email: str
    task_is_there: bool


_CASES = (
    sa.select(Appeal, Comparison, PracticeItem, SnapshotRow, Trainee.email, ProductionTask.id)
    .join(Comparison, Comparison.id == Appeal.comparison_id)
    .join(PracticeItem, PracticeItem.id == Comparison.item_id)
    .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
    .join(Trainee, Trainee.id == Appeal.trainee_id)
    .outerjoin(ProductionTask, ProductionTask.id == PracticeItem.production_task_id)
)


def file(
    session: Session,
    *,
    comparison_id: int,
    revision: int,
    trainee_id: int,
    reason: str,
    now: datetime,
) -> bool:
    """Contest one state of a comparison; False when that was done before."""
    return insert_once(
        session,
        Appeal,
        comparison_id=comparison_id,
        revision=revision,
        trainee_id=trainee_id,
        reason=reason,
        filed_at=now,
        note="",
    )


def of_comparison(session: Session, comparison_id: int) -> list[Appeal]:
    """Every appeal about a comparison, the newest first."""
    found = sa.select(Appeal).where(Appeal.comparison_id == comparison_id)
    return list(session.scalars(found.order_by(Appeal.id.desc())))


def case(session: Session, appeal_id: int, *, held: bool = False) -> Case | None:
    """One appeal; ``held`` keeps others from ruling on it at the same time."""
    found = _CASES.where(Appeal.id == appeal_id)
    if held:
        found = found.with_for_update(of=Appeal).execution_options(populate_existing=True)
    row = session.execute(found).one_or_none()
    return None if row is None else _case(*row)


def count_open(session: Session) -> int:
    """How many wait for a ruling."""
    return session.scalar(sa.select(sa.func.count()).where(Appeal.ruled_at.is_(None))) or 0


def cases(session: Session, *, are_open: bool, limit: int = 200) -> list[Case]:
    """Open appeals, the oldest first; or those that were ruled on, the newest first."""
    if are_open:
        found = _CASES.where(Appeal.ruled_at.is_(None)).order_by(Appeal.id)
    else:
        found = _CASES.where(Appeal.ruled_at.is_not(None)).order_by(Appeal.ruled_at.desc())
    return [_case(*row) for row in session.execute(found.limit(limit))]


def rule(
    session: Session, appeal: Appeal, *, ruling: str, by: str, note: str, now: datetime
) -> None:
    """Write the ruling down."""
    appeal.ruling, appeal.ruled_by, appeal.ruled_at, appeal.note = ruling, by, now, note
    session.flush()


def count_upheld(session: Session) -> tuple[int, int]:
    """How many compared snapshots had a reference that was ruled wrong, and how many there are."""
    wrong = (
        sa.select(sa.func.count(sa.distinct(PracticeItem.snapshot)))
        .select_from(Appeal)
        .join(Comparison, Comparison.id == Appeal.comparison_id)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .where(Appeal.ruling == UPHELD)
    )
    compared = sa.select(sa.func.count(sa.distinct(PracticeItem.snapshot))).join(
        Comparison, Comparison.item_id == PracticeItem.id
    )
    return session.scalar(wrong) or 0, session.scalar(compared) or 0


def _case(
    appeal: Appeal,
    comparison: Comparison,
    item: PracticeItem,
    snapshot: SnapshotRow,
    email: str,
    task_id: int | None,
) -> Case:
    return Case(appeal, comparison, item, snapshot, email, task_id is not None)
