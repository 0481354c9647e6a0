"""The SQL of what is needed to write a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Answer, answer_from_json
from sandbox_sync.db.outcomes import PENDING, SENT
from sandbox_sync.db.tables import (
    Comparison,
    Feedback,
    OutboxMessage,
    PracticeItem,
    SnapshotRow,
    Submission,
    Trainee,
)
from sandbox_sync.db.writing import insert_once


@dataclass(frozen=True)
class Letter:
    """What is needed to write one message."""

    feedback_id: int
    revision: int
    comparison_id: int
    trainee_id: int
    email: str
    kind: str
    label_config: str
    data: dict[str, Any]
    agreement: float | None
    differences: list[Any]
    reference: Answer
    reference_source: str
    candidate: Answer
    is_correction: bool
    """Whether the trainee has heard of an earlier outcome of the same item."""


def letters(session: Session, feedback_ids: Iterable[int]) -> list[Letter]:
    """The facts of those of these messages that are still to be sent, in their order."""
    earlier = sa.orm.aliased(Feedback)
    told = (
        sa.exists()
        .where(earlier.comparison_id == Comparison.id, earlier.state == SENT)
        .correlate(Comparison)
    )
    rows = session.execute(
        sa.select(Feedback, Comparison, PracticeItem, Submission, SnapshotRow, Trainee.email, told)
        .join(Comparison, Comparison.id == Feedback.comparison_id)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .where(Feedback.id.in_(list(feedback_ids)), Feedback.state == PENDING)
        .order_by(Feedback.id)
    )
    return [_letter(*row) for row in rows]


def _letter(
    feedback: Feedback,
    comparison: Comparison,
    item: PracticeItem,
    submission: Submission,
    snapshot: SnapshotRow,
    *more: Any,
) -> Letter:
    email, told = more
    return Letter(
        feedback_id=feedback.id,
        revision=feedback.revision,
        comparison_id=comparison.id,
        trainee_id=item.trainee_id,
        email=email,
        kind=snapshot.kind,
        label_config=snapshot.label_config,
        data=snapshot.data,
        agreement=comparison.agreement,
        differences=comparison.differences,
        reference=answer_from_json(comparison.reference_answer),
        reference_source=comparison.reference_source,
        candidate=answer_from_json(submission.answer),
        is_correction=bool(told),
    )


def store_message(
    session: Session, *, key: str, email: str, text: str, blocks: list[Any], now: datetime
) -> bool:
    """Keep a message of the console notifier; False when it is there already."""
    return insert_once(
        session, OutboxMessage, key=key, email=email, text=text, blocks=blocks, stored_at=now
    )
