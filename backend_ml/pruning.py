"""Predictions of versions that nobody is shown any more go from Label Studio again.

One prediction at a time: Label Studio's removal of a whole version can empty the
project's ``model_version``, and then annotators are shown nothing. A decision is in
the database before the first removal and done after the last, so a round that is
killed is carried on by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import planning, waiting
from backend_ml.tables import AnnotationRow, PlanRow, PublicationRow, TaskRow, hold
from backend_ml.workshop import Workshop
from projects.kit import logs
from projects.kit.database import transaction

KEEP = 3
"""So many versions stay whole: the newest that were published."""
ROUND = 100
"""Predictions removed at a time; each takes Label Studio some 80 ms."""
LOCKED = timedelta(hours=24)
"""So long a person keeps a task that they opened; sending an answer names the prediction."""
SETTLED = timedelta(hours=1)
"""Who answered a task may still be at it for so long."""

log = logs.get(__name__)


@dataclass(frozen=True)
class Round:
    """What to remove: the predictions of one version for some tasks."""

    version: str
    task_ids: frozenset[int]


def prune(workshop: Workshop, project_id: int) -> int:
    """One round of removals; returns how many predictions went."""
    chosen = _choose(workshop, project_id)
    if chosen is None:
        return 0
    numbers = _numbers(workshop, project_id, chosen)
    for number in numbers:
        if not _is_past(workshop, project_id, chosen.version):
            return 0
        workshop.studio.delete_prediction(number)
    _mark_done(workshop, project_id, chosen)
    log.info("predictions.pruned", project=project_id, version=chosen.version, count=len(numbers))
    return len(numbers)


def _choose(workshop: Workshop, project_id: int) -> Round | None:
    """Decide on a round, the oldest version first; ``None`` when there is nothing to remove."""
    now = workshop.clock()
    with workshop.reading() as session:
        past = _past(session, workshop, project_id)
        found = next((v for v in past if _rows(session, project_id, v, now)), None)
    if found is None or workshop.studio.project(project_id).model_version == found:
        return None
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        if found not in _past(session, workshop, project_id):
            return None
        rows = _rows(session, project_id, found, now)
        for row in rows:
            row.pruning_at = row.pruning_at or now
        return Round(found, frozenset(row.task_id for row in rows))


def _past(session: Session, workshop: Workshop, project_id: int) -> list[str]:
    """The versions that may go, oldest first; none where nothing is published any more."""
    serving = planning.serving(session, workshop, project_id)
    if serving is None:
        return []
    newest = sa.func.max(PublicationRow.plan_id)
    query = (
        sa.select(PublicationRow.version)
        .where(
            PublicationRow.project_id == project_id,
            PublicationRow.pushed_at.is_not(None),
            PublicationRow.pruned_at.is_(None),
        )
        .group_by(PublicationRow.version)
        .order_by(newest.desc())
    )
    past = list(session.scalars(query))[KEEP:]
    return [version for version in reversed(past) if version != serving.name]


def _is_past(workshop: Workshop, project_id: int, version: str) -> bool:
    """Whether the version has not come back to serve since it was looked at."""
    with workshop.reading() as session:
        serving = planning.serving(session, workshop, project_id)
    return serving is not None and serving.name != version


def _numbers(workshop: Workshop, project_id: int, chosen: Round) -> list[int]:
    """What Label Studio calls them; listed whole, because removals move its pages."""
    return [
        prediction.id
        for task in workshop.studio.tasks(project_id, predicted_by=chosen.version)
        if task.id in chosen.task_ids
        for prediction in task.predictions
        if prediction.model_version == chosen.version and prediction.id is not None
    ]


def _rows(
    session: Session, project_id: int, version: str, now: datetime
) -> Sequence[PublicationRow]:
    """At most ``ROUND`` predictions of the version that nobody can have before them."""
    of_task = (
        AnnotationRow.project_id == PublicationRow.project_id,
        AnnotationRow.task_id == PublicationRow.task_id,
    )
    lately = sa.exists().where(*of_task, AnnotationRow.updated_at > now - SETTLED)
    still_open = sa.exists().where(
        TaskRow.task_id == PublicationRow.task_id, waiting.is_open(session, project_id)
    )
    may_go = sa.or_(PublicationRow.pruning_at.is_not(None), ~(lately | still_open))
    ended = _ended(session, project_id, version)
    if ended is not None and ended < now - LOCKED:
        may_go = sa.true()
    query = (
        sa.select(PublicationRow)
        .where(
            PublicationRow.project_id == project_id,
            PublicationRow.version == version,
            PublicationRow.pushed_at.is_not(None),
            PublicationRow.pruned_at.is_(None),
            may_go,
        )
        .order_by(PublicationRow.task_id)
        .limit(ROUND)
    )
    return session.scalars(query).all()


def _ended(session: Session, project_id: int, version: str) -> datetime | None:
    """When another version was shown in place of this one."""
    ours = PlanRow.project_id == project_id
    last = sa.select(sa.func.max(PlanRow.id)).where(ours, PlanRow.version == version)
    query = sa.select(sa.func.min(PlanRow.finished_at)).where(
        ours, PlanRow.id > last.scalar_subquery(), PlanRow.version != version
    )
    return session.scalar(query)


def _mark_done(workshop: Workshop, project_id: int, chosen: Round) -> None:
    now = workshop.clock()
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        for task_id in chosen.task_ids:
            row = session.get(PublicationRow, (project_id, chosen.version, task_id))
            if row is not None and row.pruning_at is not None:
                row.pruned_at = now
