"""The SQL of the pages, of health and of the summary."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.kit import intervals
from sandbox_sync import reporting
from sandbox_sync.db import events, needs
from sandbox_sync.db.outcomes import PENDING, SENT
from sandbox_sync.db.tables import (
    Comparison,
    Feedback,
    LaneRow,
    PracticeItem,
    ProductionTask,
    SnapshotRow,
    Submission,
    Trainee,
)

SAME = 1 - 1e-9
"""An agreement from here on is complete; what arithmetic may leave of it."""


@dataclass
class Standing:
    """Where one trainee stands with one kind."""

    trainee_id: int
    email: str
    kind: str
    open_items: int = 0
    done: int = 0
    compared: int = 0
    agreements: list[float] = field(default_factory=list)
    differences: list[list[Any]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    last_activity: datetime | None = None


@dataclass(frozen=True)
class Compared:
    """One comparison as the pages show it."""

    id: int
    trainee_id: int
    email: str
    kind: str
    label_config: str
    data: dict[str, Any]
    suggestion: dict[str, Any] | None
    agreement: float | None
    differences: list[Any]
    compared_at: datetime
    revision: int
    is_withdrawn: bool
    snapshot: str
    reference_source: str


def trainee_by_id(session: Session, trainee_id: int) -> Trainee | None:
    """A trainee, also one who left."""
    return session.get(Trainee, trainee_id)


def comparison(session: Session, comparison_id: int) -> Compared | None:
    """One comparison."""
    row = session.execute(_COMPARED.where(Comparison.id == comparison_id)).one_or_none()
    return None if row is None else _compared(row)


@dataclass(frozen=True)
class Which:
    """Which comparisons of a trainee; without a kind all kinds, without a wish all answers."""

    trainee_id: int
    kind: str = ""
    differing: bool | None = None

    def narrow(self, query: Any) -> Any:
        """The query with these only; an agreement that is undefined is no difference."""
        query = query.where(
            PracticeItem.trainee_id == self.trainee_id, Comparison.withdrawn_at.is_(None)
        )
        if self.kind:
            query = query.where(SnapshotRow.kind == self.kind)
        if self.differing is None:
            return query
        differs = sa.func.coalesce(Comparison.agreement, 1.0) < SAME
        return query.where(differs if self.differing else ~differs)


def comparisons(session: Session, which: Which, *, first: int, count: int) -> list[Compared]:
    """The valid comparisons of one trainee, the newest first."""
    found = which.narrow(_COMPARED).order_by(Comparison.compared_at.desc(), Comparison.id.desc())
    return [_compared(row) for row in session.execute(found.offset(first).limit(count))]


def count_comparisons(session: Session, which: Which) -> int:
    """How many there are of them."""
    counted = which.narrow(_COMPARED).with_only_columns(sa.func.count(Comparison.id))
    return session.scalar(counted) or 0


_COMPARED = (
    sa.select(Comparison, PracticeItem, SnapshotRow, Trainee)
    .join(PracticeItem, PracticeItem.id == Comparison.item_id)
    .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
    .join(Trainee, Trainee.id == PracticeItem.trainee_id)
)


def _compared(row: Any) -> Compared:
    comparison, item, snapshot, trainee = row
    return Compared(
        id=comparison.id,
        trainee_id=item.trainee_id,
        email=trainee.email,
        kind=snapshot.kind,
        label_config=snapshot.label_config,
        data=snapshot.data,
        suggestion=snapshot.suggestion,
        agreement=comparison.agreement,
        differences=comparison.differences,
        compared_at=comparison.compared_at,
        revision=comparison.revision,
        is_withdrawn=comparison.withdrawn_at is not None,
        snapshot=snapshot.digest,
        reference_source=comparison.reference_source,
    )


def standings(session: Session, *, trainee_id: int | None = None) -> list[Standing]:
    """Everybody who practises, or one trainee, by e-mail and kind."""
    lanes = (
        sa.select(Trainee.id, Trainee.email, LaneRow.kind)
        .join(LaneRow, LaneRow.trainee_id == Trainee.id)
        .where(Trainee.left_at.is_(None) if trainee_id is None else Trainee.id == trainee_id)
        .order_by(sa.func.lower(Trainee.email), LaneRow.kind)
    )
    found = {
        (row.id, row.kind): Standing(row.id, row.email, row.kind) for row in session.execute(lanes)
    }
    for trainee, kind, item_id, candidate_at, skipped_at in session.execute(
        _of(_ITEMS, trainee_id)
    ):
        standing = found.get((trainee, kind))
        if standing is None:
            continue
        if candidate_at is not None:
            standing.done += 1
            standing.last_activity = max(candidate_at, standing.last_activity or candidate_at)
        elif item_id is not None and skipped_at is None:
            standing.open_items += 1
    for trainee, kind, agreement, differences in session.execute(_of(_VALID, trainee_id)):
        if (standing := found.get((trainee, kind))) is not None:
            standing.compared += 1
            standing.differences.append(differences)
            if agreement is not None:
                standing.agreements.append(agreement)
    for trainee, kind, answers_at, sent_at in session.execute(_of(_SENT, trainee_id)):
        if sent_at is not None and (standing := found.get((trainee, kind))) is not None:
            standing.latencies.append((sent_at - answers_at).total_seconds())
    return list(found.values())


def _of(query: Any, trainee_id: int | None) -> Any:
    return query if trainee_id is None else query.where(PracticeItem.trainee_id == trainee_id)


_ITEMS = (
    sa.select(
        PracticeItem.trainee_id,
        LaneRow.kind,
        PracticeItem.id,
        Submission.candidate_at,
        sa.func.coalesce(PracticeItem.skipped_at, PracticeItem.expired_at),
    )
    .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
    .outerjoin(Submission, Submission.item_id == PracticeItem.id)
)
_VALID = (
    sa.select(PracticeItem.trainee_id, LaneRow.kind, Comparison.agreement, Comparison.differences)
    .join(PracticeItem, PracticeItem.id == Comparison.item_id)
    .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
    .where(Comparison.withdrawn_at.is_(None))
    .order_by(Comparison.id)
)
_SENT = (
    sa.select(PracticeItem.trainee_id, LaneRow.kind, Feedback.answers_at, Feedback.sent_at)
    .join(Comparison, Comparison.id == Feedback.comparison_id)
    .join(PracticeItem, PracticeItem.id == Comparison.item_id)
    .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
    .where(Feedback.state == SENT)
)


def counts(session: Session) -> dict[str, Any]:
    """What the database can count by itself."""
    per_kind = session.execute(
        sa.select(ProductionTask.kind, sa.func.count())
        .where(ProductionTask.deleted_at.is_(None))
        .group_by(ProductionTask.kind)
    )
    eligible = {kind: int(count) for kind, count in per_kind}
    trainees = _count(session, Trainee.id, Trainee.left_at.is_(None))
    return {
        "eligible_production_tasks": eligible,
        "trainees": trainees,
        "clones": _clones(session),
        "expected_clones": trainees * sum(eligible.values()) - needs.spared(session),
        "open_items": session.scalar(_OPEN) or 0,
        "submissions": _count(session, Submission.item_id),
        "comparisons": _count(session, Comparison.id, Comparison.withdrawn_at.is_(None)),
        "feedbacks": _count(session, Feedback.id, Feedback.state == SENT),
        "pending_feedback": _count(session, Feedback.id, Feedback.state == PENDING),
        "unhandled_events": events.counts(session)[1],
    }


_OPEN = (
    sa.select(sa.func.count(PracticeItem.id))
    .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
    .join(Trainee, Trainee.id == PracticeItem.trainee_id)
    .outerjoin(Submission, Submission.item_id == PracticeItem.id)
    .where(
        Trainee.left_at.is_(None),
        Submission.candidate_at.is_(None),
        PracticeItem.skipped_at.is_(None),
        PracticeItem.expired_at.is_(None),
    )
)


def latencies(session: Session) -> list[float]:
    """Seconds from the later answer to the message, of those who are here."""
    found = session.execute(
        _SENT.join(Trainee, Trainee.id == PracticeItem.trainee_id).where(Trainee.left_at.is_(None))
    )
    return [(row.sent_at - row.answers_at).total_seconds() for row in found if row.sent_at]


def summary(session: Session, *, seed: int = 0) -> dict[str, Any]:
    """Everything counted and estimated, ready for JSON; not for a session that writes."""
    scores = [_score(standing, seed=seed) for standing in standings(session)]
    return counts(session) | {
        "scores": scores,
        "feedback_latency_seconds": reporting.latency(latencies(session)),
    }


def _score(standing: Standing, *, seed: int) -> dict[str, Any]:
    estimate = intervals.mean(standing.agreements, seed=seed)
    return {
        "email": standing.email,
        "kind": standing.kind,
        "done": standing.done,
        "open": standing.open_items,
        "n": len(standing.agreements),
        "agreement": None if estimate is None else asdict(estimate),
    }


def _clones(session: Session) -> int:
    """Copies that exist, of tasks that exist and for people who are here."""
    counted = (
        sa.select(sa.func.count(PracticeItem.sandbox_task_id))
        .join(ProductionTask, ProductionTask.id == PracticeItem.production_task_id)
        .join(SnapshotRow, SnapshotRow.digest == PracticeItem.snapshot)
        .join(Trainee, Trainee.id == PracticeItem.trainee_id)
        .where(
            ProductionTask.deleted_at.is_(None),
            ProductionTask.data_digest == SnapshotRow.data_digest,
            Trainee.left_at.is_(None),
        )
    )
    return session.scalar(counted) or 0


def _count(session: Session, column: Any, *where: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count(column)).where(*where)) or 0
