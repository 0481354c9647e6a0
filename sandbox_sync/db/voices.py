"""The SQL of who has said what about a snapshot, and how good they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Answer, Json, answer_from_json
from sandbox_sync.db.gold import SOURCE
from sandbox_sync.db.tables import (
    CommittedAnswer,
    Comparison,
    GoldItem,
    PracticeItem,
    ProductionTask,
    ProductionWorker,
    Reference,
    SnapshotRow,
    Submission,
    Trainee,
)
from sandbox_sync.gold import Try


@dataclass(frozen=True)
class Voice:
    """One person's answer to a snapshot."""

    name: str
    """Names the answer in a form: ``worker-17`` or ``trainee-4``."""
    who: str
    answer: Answer
    regions: tuple[Json, ...]
    said_at: datetime
    is_reference: bool = False
    comparison_id: int | None = None


def voices(session: Session, snapshot: SnapshotRow) -> list[Voice]:
    """Everybody who answered this snapshot: production's workers, then trainees."""
    reference = session.get(Reference, snapshot.production_task_id)
    workers = session.scalars(
        sa.select(CommittedAnswer)
        .where(
            CommittedAnswer.production_task_id == snapshot.production_task_id,
            CommittedAnswer.data_digest == snapshot.data_digest,
        )
        .order_by(CommittedAnswer.changed_at)
    )
    found = [
        Voice(
            name=f"worker-{row.annotation_id}",
            who=f"production worker {row.worker_id or 'unknown'}",
            answer=answer_from_json(row.answer),
            regions=tuple(row.regions),
            said_at=row.changed_at,
            is_reference=reference is not None and reference.annotation_id == row.annotation_id,
        )
        for row in workers
    ]
    trainees = session.execute(
        sa.select(PracticeItem.id, Submission, Trainee.email, Comparison.id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .outerjoin(Comparison, Comparison.item_id == PracticeItem.id)
        .where(PracticeItem.snapshot == snapshot.digest)
        .order_by(Submission.candidate_at)
    )
    found += [
        Voice(
            name=f"trainee-{item_id}",
            who=email,
            answer=answer_from_json(row.answer),
            regions=tuple(row.regions),
            said_at=row.candidate_at,
            comparison_id=comparison_id,
        )
        for item_id, row, email, comparison_id in trainees
    ]
    return found


def agreements(session: Session) -> dict[tuple[int, str], list[float]]:
    """Every valid agreement, by trainee and kind."""
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    rows = session.execute(
        sa.select(PracticeItem.trainee_id, SnapshotRow.kind, Comparison.agreement)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .where(Comparison.withdrawn_at.is_(None), Comparison.agreement.is_not(None))
        .order_by(Comparison.id)
    )
    for trainee_id, kind, agreement in rows:
        if agreement is not None:
            found[trainee_id, kind].append(agreement)
    return found


def tries(session: Session, good: Collection[tuple[int, str]]) -> dict[int, list[Try]]:
    """What good trainees answered to gold, by gold item."""
    found: dict[int, list[Try]] = defaultdict(list)
    rows = session.execute(
        sa.select(
            GoldItem.id,
            GoldItem.kind,
            PracticeItem.trainee_id,
            Comparison.agreement,
            Submission.answer,
        )
        .join(PracticeItem, PracticeItem.snapshot == GoldItem.snapshot)
        .join(Comparison, Comparison.item_id == PracticeItem.id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .where(Comparison.reference_source == SOURCE, Comparison.withdrawn_at.is_(None))
        .order_by(Comparison.id)
    )
    for gold_id, kind, trainee_id, agreement, answer in rows:
        if (trainee_id, kind) in good:
            found[gold_id].append(Try(agreement, answer_from_json(answer)))
    return found


def said_of_workers(session: Session) -> dict[int, bool]:
    """Whether a trainer called a production worker good, of those they spoke about."""
    rows = session.execute(sa.select(ProductionWorker.id, ProductionWorker.is_good))
    return {number: is_good for number, is_good in rows}


def say_of_worker(
    session: Session, worker_id: int, *, is_good: bool | None, by: str, now: datetime
) -> None:
    """A trainer's word about a production worker; ``None`` takes it back."""
    row = session.get(ProductionWorker, worker_id)
    if is_good is None:
        if row is not None:
            session.delete(row)
        return
    if row is None:
        row = ProductionWorker(id=worker_id)
        session.add(row)
    row.is_good, row.said_by, row.said_at = is_good, by, now


def answered_twice(session: Session, project_id: int) -> list[int]:
    """Tasks of a project that more than one worker has answered."""
    found = (
        sa.select(CommittedAnswer.production_task_id)
        .join(ProductionTask, ProductionTask.id == CommittedAnswer.production_task_id)
        .where(
            ProductionTask.project_id == project_id,
            CommittedAnswer.data_digest == ProductionTask.data_digest,
        )
        .group_by(CommittedAnswer.production_task_id)
        .having(sa.func.count(sa.distinct(CommittedAnswer.worker_id)) > 1)
        .order_by(CommittedAnswer.production_task_id)
    )
    return list(session.scalars(found))


def without_key(session: Session, task_ids: Collection[int]) -> dict[int, str]:
    """The newest snapshot of those of these tasks that have no key, by task."""
    found = sa.select(ProductionTask.id, ProductionTask.snapshot).where(
        ProductionTask.id.in_(task_ids),
        ProductionTask.snapshot.not_in(sa.select(GoldItem.snapshot)),
    )
    return {number: digest for number, digest in session.execute(found)}
