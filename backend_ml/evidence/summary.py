"""The short form of the evidence, as plain JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.evidence import accuracy, history
from backend_ml.evidence.work import pending, stuck
from backend_ml.labels import UNPUBLISHED
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import LabelRow, PublicationRow
from projects.kinds import registry
from projects.kinds.base import Kind

ARMS = (ACTIVE, RANDOM, UNPUBLISHED)


def collect(session: Session, projects: Mapping[int, str]) -> dict[str, Any]:
    """Everything worth showing, per project (its id as a text).

    ``projects`` says the kind of each project, as in the settings.
    """
    return {
        "pending_events": pending(session),
        "stuck_events": stuck(session),
        "projects": {
            str(project_id): _project(session, project_id, registry.load(name))
            for project_id, name in sorted(projects.items())
        },
    }


def answered(session: Session, project_id: int) -> Sequence[LabelRow]:
    """The labels of a project in the order of their answers."""
    query = sa.select(LabelRow).where(LabelRow.project_id == project_id)
    return session.scalars(query.order_by(LabelRow.created_at, LabelRow.annotation_id)).all()


def counts(rows: Sequence[LabelRow]) -> dict[str, Any]:
    """How many labels there are, by arm and by what became of the suggestion."""
    return {
        "total": len(rows),
        "by_arm": {arm: sum(1 for row in rows if row.arm == arm) for arm in ARMS},
        "by_outcome": dict(Counter(row.outcome for row in rows)),
    }


def published(session: Session, project_id: int) -> int:
    """Predictions that Label Studio has been given."""
    query = sa.select(sa.func.count()).where(
        PublicationRow.project_id == project_id, PublicationRow.pushed_at.is_not(None)
    )
    return session.scalar(query) or 0


def _project(session: Session, project_id: int, kind: Kind) -> dict[str, Any]:
    rows = answered(session, project_id)
    live = accuracy.live(session, project_id, kind, rows)
    versions = history.versions(session, project_id)
    return {
        "kind": kind.name,
        "labels": counts(rows),
        "predictions_published": published(session, project_id),
        "accuracy": live.course(),
        "random_draws": live.draws,
        "versions": [history.version(row) for row in versions],
        "label_to_serving_seconds": history.delay(versions),
    }
