"""What is still to be done, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import events
from backend_ml.lineup import RULES
from backend_ml.tables import Event, MarkRow, PlanRow, PublicationRow, TaskRow, VersionRow
from backend_ml.waiting import is_open


def pending(session: Session) -> int:
    """Events that were recorded and are not handled yet."""
    return len(events.unhandled(session))


def stuck(session: Session) -> int:
    """Events that failed too often and wait for a person."""
    query = sa.select(sa.func.count()).where(
        Event.handled_at.is_(None), Event.attempts >= events.MAX_ATTEMPTS
    )
    return session.scalar(query) or 0


def is_settled(session: Session, project_id: int) -> bool:
    """Whether every event is handled, every label trained on and every plan carried out.

    Labels too few to serve a model never make a project unsettled by themselves.
    """
    if pending(session):
        return False
    unfinished = sa.select(sa.func.count()).where(
        PlanRow.project_id == project_id, PlanRow.finished_at.is_(None)
    )
    mark = session.get(MarkRow, project_id)
    has_model = sa.select(sa.func.count()).where(
        VersionRow.project_id == project_id, VersionRow.learner != RULES
    )
    trained = mark is None or mark.trained >= mark.wanted or not session.scalar(has_model)
    return trained and not session.scalar(unfinished)


@dataclass(frozen=True)
class Waiting:
    """Work of one project that is not done yet."""

    events: int
    oldest_event_seconds: float | None
    changes_to_learn: int
    """Labels made, changed or taken back since the labels that were last trained on."""
    training_asked_for: bool
    unfinished_plans: int
    unpublished_predictions: int
    open_tasks: int
    """Nobody has answered them."""


def waiting(session: Session, project_id: int, *, now: datetime) -> Waiting:
    """What one project still waits for."""
    unhandled = events.unhandled(session, project_id)
    mark = session.get(MarkRow, project_id)
    plans = sa.select(PlanRow.id).where(
        PlanRow.project_id == project_id, PlanRow.finished_at.is_(None)
    )
    unpushed = sa.select(sa.func.count()).where(
        PublicationRow.plan_id.in_(plans), PublicationRow.pushed_at.is_(None)
    )
    still_open = sa.select(sa.func.count()).select_from(TaskRow)
    still_open = still_open.where(TaskRow.project_id == project_id, is_open(session, project_id))
    oldest = min((event.received_at for event in unhandled), default=None)
    return Waiting(
        events=len(unhandled),
        oldest_event_seconds=None if oldest is None else (now - oldest).total_seconds(),
        changes_to_learn=0 if mark is None else max(0, mark.wanted - mark.trained),
        training_asked_for=mark is not None and mark.forced > mark.forced_done,
        unfinished_plans=len(session.scalars(plans).all()),
        unpublished_predictions=session.scalar(unpushed) or 0,
        open_tasks=session.scalar(still_open) or 0,
    )


def failed_events(session: Session, project_id: int) -> dict[str, int]:
    """Events that wait for a person: how many, by the error that stopped them."""
    query = (
        sa.select(Event.error, sa.func.count())
        .where(
            Event.project_id == project_id,
            Event.handled_at.is_(None),
            Event.attempts >= events.MAX_ATTEMPTS,
        )
        .group_by(Event.error)
    )
    return {error or "no cause kept": count for error, count in session.execute(query)}
