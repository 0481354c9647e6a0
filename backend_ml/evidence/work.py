"""What is still to be done, and what waits for a person."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import events
from backend_ml.tables import Event, MarkRow, PlanRow, VersionRow


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
    has_model = sa.select(sa.func.count()).where(VersionRow.project_id == project_id)
    trained = mark is None or mark.trained >= mark.wanted or not session.scalar(has_model)
    return trained and not session.scalar(unfinished)
