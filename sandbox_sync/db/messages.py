"""The SQL of personal messages: what is to be told, what got out, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
    candidate: Answer


def letter(session: Session, feedback_id: int) -> Letter | None:
    """The facts of a message that is still to be sent."""
    row = session.execute(
        sa.select(Feedback, Comparison, PracticeItem, Submission, SnapshotRow, Trainee.email)
        .join(Comparison, Comparison.id == Feedback.comparison_id)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .where(Feedback.id == feedback_id, Feedback.state == PENDING)
    ).one_or_none()
    if row is None:
        return None
    feedback, comparison, item, submission, snapshot, email = row
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
        candidate=answer_from_json(submission.answer),
    )


def told_before(session: Session, letter: Letter) -> bool:
    """Whether the trainee has heard of an earlier outcome of the same item."""
    found = sa.exists().where(
        Feedback.comparison_id == letter.comparison_id, Feedback.state == SENT
    )
    return bool(session.scalar(sa.select(found)))


def mark_sent(session: Session, feedback_id: int, receipt: str, *, now: datetime) -> None:
    """The message is out."""
    session.execute(
        sa.update(Feedback)
        .where(Feedback.id == feedback_id)
        .values(state=SENT, sent_at=now, receipt=receipt)
    )


def take_due(session: Session, *, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """Feedback id, trainee and attempt of the messages that did not get out and are due again."""
    due = session.execute(
        sa.select(Feedback, PracticeItem.trainee_id)
        .join(Comparison, Comparison.id == Feedback.comparison_id)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .where(Feedback.state == PENDING, Feedback.retry_at <= now)
        .order_by(Feedback.id)
        .limit(limit)
        .with_for_update(of=Feedback, skip_locked=True)
    )
    taken = []
    for feedback, trainee_id in due:
        feedback.attempts += 1
        feedback.retry_at = now + timedelta(seconds=min(3600, 15 * 2 ** min(feedback.attempts, 8)))
        taken.append((feedback.id, trainee_id, feedback.attempts))
    session.flush()
    return taken


def store_message(
    session: Session, *, key: str, email: str, text: str, blocks: list[Any], now: datetime
) -> bool:
    """Keep a message of the console notifier; False when it is there already."""
    return insert_once(
        session, OutboxMessage, key=key, email=email, text=text, blocks=blocks, stored_at=now
    )
