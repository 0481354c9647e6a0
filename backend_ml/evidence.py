"""What the product can show for itself, as plain JSON: accuracy by labels, versions, delays."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import events, labels, training
from backend_ml.labels import UNPUBLISHED
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import (
    AssignmentRow,
    Event,
    LabelRow,
    MarkRow,
    PlanRow,
    PublicationRow,
    VersionRow,
)
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import intervals
from projects.vocabulary import answer_from_json

BUCKET = 25
"""Labels per point of a learning curve."""
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


def _project(session: Session, project_id: int, kind: Kind) -> dict[str, Any]:
    rows = session.scalars(
        sa.select(LabelRow)
        .where(LabelRow.project_id == project_id)
        .order_by(LabelRow.created_at, LabelRow.annotation_id)
    ).all()
    versions = session.scalars(
        sa.select(VersionRow).where(VersionRow.project_id == project_id).order_by(VersionRow.number)
    ).all()
    epochs = _random_epochs(session, project_id)
    draws = _random_draws(session, project_id, epochs, {row.task_id for row in rows})
    published = sa.select(sa.func.count()).where(
        PublicationRow.project_id == project_id, PublicationRow.pushed_at.is_not(None)
    )
    return {
        "kind": kind.name,
        "labels": {
            "total": len(rows),
            "by_arm": {arm: sum(1 for row in rows if row.arm == arm) for arm in ARMS},
            "by_outcome": _count(row.outcome for row in rows),
        },
        "predictions_published": session.scalar(published) or 0,
        "accuracy": _accuracy(rows, kind, _completed(rows, epochs, draws)),
        "random_draws": draws,
        "versions": [_version(row) for row in versions],
        "label_to_serving_seconds": _delay(versions),
    }


def _count(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _random_epochs(session: Session, project_id: int) -> dict[int, int]:
    """The epoch in which each task of the random arm was drawn."""
    query = sa.select(AssignmentRow.task_id, AssignmentRow.epoch).where(
        AssignmentRow.project_id == project_id, AssignmentRow.arm == RANDOM
    )
    return {task_id: epoch for task_id, epoch in session.execute(query)}


def _random_draws(
    session: Session, project_id: int, epochs: Mapping[int, int], labelled: set[int]
) -> list[dict[str, Any]]:
    """How far each random draw has come; it is complete when none of its tasks is open."""
    still_open = {task_id for task_id, _ in labels.open_tasks(session, project_id)}
    draws = []
    for epoch in sorted(set(epochs.values())):
        tasks = {task_id for task_id, drawn in epochs.items() if drawn == epoch}
        draws.append(
            {
                "epoch": epoch,
                "drawn": len(tasks),
                "answered": len(tasks & labelled),
                "complete": not tasks & still_open,
            }
        )
    return draws


def _completed(
    rows: Sequence[LabelRow], epochs: Mapping[int, int], draws: Sequence[Mapping[str, Any]]
) -> dict[int, list[LabelRow]]:
    """The labels of each completed random draw, by the position of the last of them."""
    found: dict[int, list[LabelRow]] = {}
    for draw in draws:
        places = [
            place
            for place, row in enumerate(rows)
            if row.arm == RANDOM and epochs.get(row.task_id) == draw["epoch"]
        ]
        if draw["complete"] and places:
            found[places[-1]] = [rows[place] for place in places]
    return found


def _accuracy(
    rows: Sequence[LabelRow], kind: Kind, completed: Mapping[int, Sequence[LabelRow]]
) -> list[dict[str, Any]]:
    """Each suggestion against the answer it met, before any model had learned that answer.

    Buckets are by the number of labels at the time, arms apart and together. An
    estimate is ``None`` where nothing was suggested. Adjudicated truth is left
    out: nobody was shown a suggestion. So is a suggestion that we only take to
    have been shown, because no webhook told.

    Label Studio serves the lowest confidence first, so the random tasks answered
    so far are the hard ones of their draw. The random arm is therefore told from
    whole draws: a draw counts once none of its tasks is open, all of it in the
    bucket of its last answer.
    """
    buckets: list[dict[str, Any]] = []
    for first in range(0, len(rows), BUCKET):
        part = rows[first : first + BUCKET]
        whole = [row for place in range(first, first + BUCKET) for row in completed.get(place, ())]
        buckets.append(
            {
                "from_labels": first,
                "to_labels": first + BUCKET,
                ACTIVE: _estimate([row for row in part if row.arm == ACTIVE], kind),
                RANDOM: _estimate(whole, kind),
                "all": _estimate(part, kind),
            }
        )
    return buckets


def _estimate(rows: Sequence[LabelRow], kind: Kind) -> dict[str, Any] | None:
    metric = training.metric_of(kind)
    values = [
        training.closeness(
            metric, answer_from_json(row.answer), answer_from_json(row.suggested_answer)
        )
        for row in rows
        if row.suggested_answer is not None
        and not row.suggestion_estimated
        and not row.ground_truth
    ]
    found = intervals.mean(values)
    return None if found is None else asdict(found)


def _version(row: VersionRow) -> dict[str, Any]:
    held_out = None
    if row.held_out is not None:
        held_out = {
            "value": row.held_out,
            "low": row.held_out_low,
            "high": row.held_out_high,
            "n": row.held_out_n,
        }
    return {
        "version": row.name,
        "labels": row.labels,
        "trained_on": row.trained_on,
        "held_out": held_out,
        "promoted": row.state != "rejected",
        "state": row.state,
        "seconds": round(row.seconds, 3),
        "created_at": row.created_at.isoformat(),
        "serving_at": None if row.serving_at is None else row.serving_at.isoformat(),
    }


def _delay(versions: Sequence[VersionRow]) -> dict[str, Any]:
    """From a label to the moment when a version that learned it was being served.

    ``from_first`` is the longest wait of a version's labels, ``from_last`` the shortest.
    """
    served = [row for row in versions if row.serving_at is not None]
    return {
        "from_first": _summary((row.first_change_at, row.serving_at) for row in served),
        "from_last": _summary((row.last_change_at, row.serving_at) for row in served),
    }


def _summary(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> dict[str, Any] | None:
    seconds = [(end - start).total_seconds() for start, end in pairs if start and end]
    if not seconds:
        return None
    return {"median": statistics.median(seconds), "max": max(seconds), "n": len(seconds)}
