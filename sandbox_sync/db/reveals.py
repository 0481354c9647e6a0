"""The SQL of references that stand beside the trainee's own answer in the sandbox."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from projects.vocabulary import Answer, answer_from_json
from sandbox_sync.db.copies import IS_UNFINISHED
from sandbox_sync.db.queues import IS_IN_USE, hold_tasks
from sandbox_sync.db.tables import (
    CommittedAnswer,
    Comparison,
    GoldItem,
    GoldRevision,
    LaneRow,
    PracticeItem,
    SnapshotRow,
    Submission,
    Trainee,
)


@dataclass(frozen=True)
class Shown:
    """A reference that is in the sandbox, or may be."""

    item_id: int
    sandbox_task_id: int | None
    revealed_at: datetime
    prediction_id: int | None


@dataclass(frozen=True)
class ToShow:
    """A reference to put beside a trainee's answer, and what it is about."""

    item_id: int
    sandbox_task_id: int
    sandbox_project_id: int
    kind: str
    label_config: str
    data: dict[str, Any]
    reference: Answer
    regions: list[dict[str, Any]] | None
    """As Label Studio had them; ``None`` when nobody kept them."""


_OTHER = aliased(PracticeItem)
_OTHER_SUBMISSION = aliased(Submission)
_IS_OPEN_SOMEWHERE = (
    sa.exists()
    .where(
        _OTHER.production_task_id == PracticeItem.production_task_id,
        _OTHER.expired_at.is_(None) | _OTHER.sandbox_task_id.is_not(None),
        ~sa.exists().where(_OTHER_SUBMISSION.item_id == _OTHER.id).correlate(_OTHER),
    )
    .correlate(PracticeItem)
)
"""Somebody can still answer this task of production: in another snapshot of it, or in this one.

Reserved is enough: it will be made. So is skipped: people come back to what they skipped.
"""
_GOLD_SNAPSHOT = aliased(SnapshotRow)
_IS_GOLD = (
    sa.exists()
    .where(
        GoldItem.snapshot == _GOLD_SNAPSHOT.digest,
        IS_IN_USE,
        (_GOLD_SNAPSHOT.digest == PracticeItem.snapshot)
        | (_GOLD_SNAPSHOT.production_task_id == PracticeItem.production_task_id),
    )
    .correlate(PracticeItem)
)
"""It will be given to others again and again, so its key is shown to nobody here."""
_MAY_BE_SHOWN = sa.and_(
    PracticeItem.sandbox_task_id.is_not(None),
    Comparison.withdrawn_at.is_(None),
    ~_IS_OPEN_SOMEWHERE,
    ~_IS_GOLD,
)


def due(session: Session, *, limit: int, besides: Collection[int] = ()) -> list[int]:
    """Items whose reference may be shown now, the newest first; ``besides`` are left out."""
    found = (
        sa.select(PracticeItem.id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(Comparison, Comparison.item_id == PracticeItem.id)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .where(PracticeItem.revealed_at.is_(None), Trainee.left_at.is_(None), _MAY_BE_SHOWN)
        .where(PracticeItem.id.not_in(besides))
        .order_by(Submission.seen_at.desc(), PracticeItem.id.desc())
        .limit(limit)
    )
    return list(session.scalars(found))


def claim(session: Session, item_ids: Collection[int], *, now: datetime) -> list[ToShow]:
    """From this moment these references may be in the sandbox; those that must not are left out.

    The items of the production tasks are held meanwhile, so that nobody reserves
    another one unseen.
    """
    tasks = sa.select(PracticeItem.production_task_id).where(PracticeItem.id.in_(item_ids))
    hold_tasks(session, set(session.scalars(tasks)))
    rows = session.execute(
        sa.select(PracticeItem, Comparison, SnapshotRow, LaneRow.sandbox_project_id)
        .join(Comparison, Comparison.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
        .where(PracticeItem.id.in_(item_ids), PracticeItem.revealed_at.is_(None), _MAY_BE_SHOWN)
        .order_by(PracticeItem.id)
        .execution_options(populate_existing=True)
    ).all()
    for item, comparison, _snapshot, _project_id in rows:
        item.revealed_at, item.revealed_revision = now, comparison.revision
    return [
        ToShow(
            item_id=item.id,
            sandbox_task_id=item.sandbox_task_id or 0,
            sandbox_project_id=item.sandbox_project_id or project_id or 0,
            kind=snapshot.kind,
            label_config=snapshot.label_config,
            data=snapshot.data,
            reference=answer_from_json(comparison.reference_answer),
            regions=_raw_regions(session, item, comparison.reference_answer),
        )
        for item, comparison, snapshot, project_id in rows
    ]


def _raw_regions(
    session: Session, item: PracticeItem, answer: list[Any]
) -> list[dict[str, Any]] | None:
    committed = session.scalars(
        sa.select(CommittedAnswer)
        .where(CommittedAnswer.production_task_id == item.production_task_id)
        .order_by(CommittedAnswer.changed_at.desc())
    )
    for row in committed:
        if row.answer == answer:
            return list(row.regions)
    golden = session.scalars(
        sa.select(GoldRevision)
        .join(
            GoldItem,
            (GoldItem.id == GoldRevision.gold_id) & (GoldItem.revision == GoldRevision.revision),
        )
        .where(GoldItem.snapshot == item.snapshot)
    )
    for gold in golden:
        for one, regions in zip(gold.answers, gold.regions, strict=False):
            if one == answer:
                return list(regions)
    return None


def settle(session: Session, item_id: int, *, revealed_at: datetime, prediction_id: int) -> bool:
    """Remember which prediction it is; False when it was to be taken back meanwhile."""
    kept = (
        sa.update(PracticeItem)
        .where(PracticeItem.id == item_id, PracticeItem.revealed_at == revealed_at)
        .values(reveal_prediction_id=prediction_id)
        .returning(PracticeItem.id)
    )
    return session.scalar(kept) is not None


def clear(session: Session, shown: Shown) -> None:
    """It is in the sandbox no more."""
    session.execute(
        sa.update(PracticeItem)
        .where(PracticeItem.id == shown.item_id, PracticeItem.revealed_at == shown.revealed_at)
        .values(revealed_at=None, reveal_prediction_id=None, revealed_revision=None)
    )


def in_the_way(session: Session, lane_id: int) -> list[Shown]:
    """References that have to go before the items of this lane are made."""
    wanted = sa.select(PracticeItem.production_task_id).where(
        PracticeItem.lane_id == lane_id, IS_UNFINISHED
    )
    return _shown(session, PracticeItem.production_task_id.in_(wanted))


def outdated(session: Session, *, before: datetime, limit: int) -> list[Shown]:
    """References that changed or must not be shown any more, or whose push was cut off."""
    current = (
        sa.exists()
        .where(
            Comparison.item_id == PracticeItem.id,
            Comparison.revision == PracticeItem.revealed_revision,
            _MAY_BE_SHOWN,
        )
        .correlate(PracticeItem)
    )
    cut_off = PracticeItem.reveal_prediction_id.is_(None) & (PracticeItem.revealed_at < before)
    return _shown(session, ~current | cut_off, limit=limit)


def everything(session: Session, *, limit: int) -> list[Shown]:
    """Every reference that is shown, for when none is to be."""
    return _shown(session, limit=limit)


def showing(session: Session, task_ids: Collection[int]) -> set[int]:
    """Those of these sandbox tasks that show their reference, or are about to."""
    found = sa.select(PracticeItem.sandbox_task_id).where(
        PracticeItem.sandbox_task_id.in_(task_ids), PracticeItem.revealed_at.is_not(None)
    )
    return {task_id for task_id in session.scalars(found) if task_id is not None}


def _shown(
    session: Session, *which: sa.ColumnElement[bool], limit: int | None = None
) -> list[Shown]:
    rows = session.execute(
        sa.select(
            PracticeItem.id,
            PracticeItem.sandbox_task_id,
            PracticeItem.revealed_at,
            PracticeItem.reveal_prediction_id,
        )
        .where(PracticeItem.revealed_at.is_not(None), *which)
        .order_by(PracticeItem.id)
        .limit(limit)
    )
    return [
        Shown(item_id, task_id, moment, number)
        for item_id, task_id, moment, number in rows
        if moment is not None
    ]
