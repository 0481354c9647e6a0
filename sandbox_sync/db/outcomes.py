"""The SQL of comparisons and of feedback about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Answer, answer_from_json
from sandbox_sync.db.tables import (
    Comparison,
    Feedback,
    OutboxMessage,
    PracticeItem,
    Reference,
    SnapshotRow,
    Submission,
    Trainee,
)
from sandbox_sync.db.writing import insert_once

PENDING, SENT, SUPERSEDED = "pending", "sent", "superseded"


@dataclass(frozen=True)
class Pair:
    """The two answers to one practice item."""

    item_id: int
    trainee_id: int
    kind: str
    candidate: Answer
    candidate_at: datetime
    reference: Answer | None
    """``None`` while production has no answer to what the trainee saw."""
    reference_at: datetime | None


def pair(session: Session, item_id: int) -> Pair | None:
    """Both sides of an item; ``None`` before the trainee has answered."""
    row = session.execute(
        sa.select(PracticeItem, Submission, SnapshotRow.kind, SnapshotRow.data_digest, Reference)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .outerjoin(Reference, Reference.production_task_id == PracticeItem.production_task_id)
        .where(PracticeItem.id == item_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    item, submission, kind, data_digest, reference = row
    fits = reference is not None and reference.data_digest == data_digest
    return Pair(
        item_id=item.id,
        trainee_id=item.trainee_id,
        kind=kind,
        candidate=answer_from_json(submission.answer),
        candidate_at=submission.candidate_at,
        reference=answer_from_json(reference.answer) if fits else None,
        reference_at=reference.reference_at if fits else None,
    )


def uncompared(session: Session, *, limit: int) -> list[int]:
    """Items with both answers and no valid comparison."""
    found = (
        sa.select(PracticeItem.id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .join(Reference, Reference.production_task_id == PracticeItem.production_task_id)
        .outerjoin(Comparison, Comparison.item_id == PracticeItem.id)
        .where(
            Reference.data_digest == SnapshotRow.data_digest,
            Comparison.id.is_(None) | Comparison.withdrawn_at.is_not(None),
        )
        .limit(limit)
    )
    return list(session.scalars(found))


def withdraw(session: Session, item_id: int, *, now: datetime) -> None:
    """There is nothing to compare with any more: not counted, and not told."""
    row = _comparison(session, item_id)
    if row is None or row.withdrawn_at is not None:
        return
    row.withdrawn_at = now
    _supersede(session, row.id)


def save(session: Session, item_id: int, values: dict[str, Any], *, now: datetime) -> int | None:
    """Store an outcome; returns the feedback to send, if there is something new to tell."""
    if insert_once(session, Comparison, item_id=item_id, revision=1, compared_at=now, **values):
        row = _comparison(session, item_id)
        return None if row is None else _new_feedback(session, row, now=now)
    row = _comparison(session, item_id)
    if row is None:
        return None
    told = row.outcome == values["outcome"]
    row.withdrawn_at = None
    if told:
        if _was_superseded(session, row):
            return _tell_again(session, row, now=now)
        return None
    for name, value in values.items():
        setattr(row, name, value)
    row.compared_at = now
    return _tell_again(session, row, now=now)


def _comparison(session: Session, item_id: int) -> Comparison | None:
    found = sa.select(Comparison).where(Comparison.item_id == item_id)
    return session.scalar(found.with_for_update().execution_options(populate_existing=True))


def _tell_again(session: Session, row: Comparison, *, now: datetime) -> int:
    row.revision += 1
    session.flush()
    _supersede(session, row.id)
    return _new_feedback(session, row, now=now)


def _new_feedback(session: Session, row: Comparison, *, now: datetime) -> int:
    feedback = Feedback(
        comparison_id=row.id,
        revision=row.revision,
        state=PENDING,
        attempts=0,
        retry_at=now + timedelta(seconds=30),
        answers_at=max(row.candidate_at, row.reference_at),
    )
    session.add(feedback)
    session.flush()
    return feedback.id


def _supersede(session: Session, comparison_id: int) -> None:
    session.execute(
        sa.update(Feedback)
        .where(Feedback.comparison_id == comparison_id, Feedback.state == PENDING)
        .values(state=SUPERSEDED)
    )


def _was_superseded(session: Session, row: Comparison) -> bool:
    """Whether the trainee never heard of this outcome, because it was withdrawn first."""
    found = sa.select(Feedback.state).where(
        Feedback.comparison_id == row.id, Feedback.revision == row.revision
    )
    return session.scalar(found) == SUPERSEDED


@dataclass(frozen=True)
class Letter:
    """What is needed to write one message."""

    feedback_id: int
    revision: int
    comparison_id: int
    trainee_id: int
    email: str
    kind: str
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


def agreements(session: Session, trainee_id: int, kind: str) -> list[float]:
    """The agreement of every valid comparison of one trainee and kind."""
    found = (
        sa.select(Comparison.agreement)
        .join(PracticeItem, PracticeItem.id == Comparison.item_id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .where(
            PracticeItem.trainee_id == trainee_id,
            SnapshotRow.kind == kind,
            Comparison.withdrawn_at.is_(None),
            Comparison.agreement.is_not(None),
        )
        .order_by(Comparison.id)
    )
    return [value for value in session.scalars(found) if value is not None]


def store_message(
    session: Session, *, key: str, email: str, text: str, blocks: list[Any], now: datetime
) -> bool:
    """Keep a message of the console notifier; False when it is there already."""
    return insert_once(
        session, OutboxMessage, key=key, email=email, text=text, blocks=blocks, stored_at=now
    )
