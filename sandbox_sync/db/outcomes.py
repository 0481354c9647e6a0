"""The SQL of comparisons and of feedback about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Answer, answer_from_json
from sandbox_sync.db import gold
from sandbox_sync.db.tables import (
    Comparison,
    Feedback,
    GoldItem,
    PracticeItem,
    Reference,
    SnapshotRow,
    Submission,
)
from sandbox_sync.db.writing import insert_once

PENDING, SENT, SUPERSEDED = "pending", "sent", "superseded"
FIRST_LOOK = timedelta(seconds=2)
"""After this somebody looks whether a message that was to be sent at once did get out."""
PRODUCTION, GOLD = "production", gold.SOURCE
"""Where a reference comes from."""


@dataclass(frozen=True)
class Pair:
    """The two answers to one practice item."""

    item_id: int
    trainee_id: int
    kind: str
    label_config: str
    candidate: Answer
    candidate_at: datetime
    submission: int
    """Which of the trainee's answers it is, counted from 1."""
    references: tuple[Answer, ...]
    """Every acceptable answer; none while there is no answer to what the trainee saw."""
    reference_source: str
    reference_at: datetime | None


def pair(session: Session, item_id: int) -> Pair | None:
    """Both sides of an item; ``None`` before the trainee has answered."""
    row = session.execute(
        sa.select(PracticeItem, Submission, SnapshotRow, Reference)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .outerjoin(Reference, Reference.production_task_id == PracticeItem.production_task_id)
        .where(PracticeItem.id == item_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    item, submission, snapshot, reference = row
    fits = reference is not None and reference.data_digest == snapshot.data_digest
    references: tuple[Answer, ...] = (answer_from_json(reference.answer),) if fits else ()
    source, moment = PRODUCTION, reference.reference_at if fits else None
    if (key := gold.key_of_item(session, item)) is not None:
        references, source, moment = key.answers, GOLD, key.made_at
    return Pair(
        item_id=item.id,
        trainee_id=item.trainee_id,
        kind=snapshot.kind,
        label_config=snapshot.label_config,
        candidate=answer_from_json(submission.answer),
        candidate_at=submission.candidate_at,
        submission=submission.revision,
        references=references,
        reference_source=source,
        reference_at=moment,
    )


def uncompared(session: Session, *, limit: int) -> list[int]:
    """Items with an answer and something to compare it with, and no valid comparison."""
    waiting = (
        sa.select(PracticeItem.id)
        .join(Submission, Submission.item_id == PracticeItem.id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .outerjoin(Comparison, Comparison.item_id == PracticeItem.id)
        .where(Comparison.id.is_(None) | Comparison.withdrawn_at.is_not(None))
    )
    answered = waiting.join(
        Reference, Reference.production_task_id == PracticeItem.production_task_id
    ).where(Reference.data_digest == SnapshotRow.data_digest)
    keyed = waiting.join(GoldItem, GoldItem.snapshot == PracticeItem.snapshot).where(
        GoldItem.retired_at.is_(None)
    )
    found = sa.union(answered, keyed).limit(limit)
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
        row.reference_source, row.reference_at = values["reference_source"], values["reference_at"]
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
        retry_at=now + FIRST_LOOK,
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
