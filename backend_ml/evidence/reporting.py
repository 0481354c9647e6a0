"""All that the engineer's page shows, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from backend_ml.evidence import accuracy, drift, history, pace, problems, summary, work
from backend_ml.evidence.accuracy import Live
from backend_ml.evidence.drift import Drift
from backend_ml.evidence.pace import Latency, Pace
from backend_ml.evidence.problems import Problem
from backend_ml.evidence.reliability import Reliability, reliability
from backend_ml.evidence.work import Waiting
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import LabelRow, MarkRow, ProjectRow
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import intervals
from projects.kit.intervals import Estimate
from projects.vocabulary import answer_from_json

POINTS = 24
"""So many points at most tell the course of accuracy."""
MOST_LABELS = 15
"""So many label names are listed, the most frequent ones."""


@dataclass(frozen=True)
class LabelLine:
    """One label name: how often people chose it, and how often the model had suggested it then."""

    label: str
    accepted: int
    found: Estimate | None
    """Of those that were shown a suggestion: whether it had this label."""


@dataclass(frozen=True)
class ProjectReport:
    """One project."""

    project_id: int
    kind: str
    title: str
    form: str
    metric: str
    serving: dict[str, Any] | None
    """The serving version, as :func:`history.version` tells it."""
    labels: dict[str, Any]
    published: int
    live: dict[str, Estimate | None]
    """Agreement of what was shown with the answer: ``random``, ``active`` and ``all``."""
    course: list[dict[str, Any]]
    random_course: list[dict[str, Any]]
    random_draws: list[dict[str, Any]]
    reliability: Reliability
    drifts: list[Drift]
    by_label: list[LabelLine]
    pace: Pace
    delay: dict[str, Any]
    versions: list[dict[str, Any]]
    """Newest first."""
    waiting: Waiting
    problems: list[Problem]


@dataclass(frozen=True)
class Report:
    """Everything, at one moment."""

    made_at: datetime
    predict: Latency | None
    """Of ``/predict``, since the web process started."""
    pending_events: int
    stuck_events: int
    projects: list[ProjectReport]


def report(
    session: Session,
    projects: Mapping[int, str],
    *,
    now: datetime,
    predict: Latency | None = None,
    seed: int = 0,
) -> Report:
    """Everything about these projects; ``projects`` says the kind of each."""
    return Report(
        made_at=now,
        predict=predict,
        pending_events=work.pending(session),
        stuck_events=work.stuck(session),
        projects=[
            project_report(session, number, registry.load(name), now=now, seed=seed)
            for number, name in sorted(projects.items())
        ],
    )


def project_report(
    session: Session, project_id: int, kind: Kind, *, now: datetime, seed: int
) -> ProjectReport:
    """Everything about one project."""
    rows = summary.answered(session, project_id)
    live = accuracy.live(session, project_id, kind, rows)
    versions = history.versions(session, project_id)
    known = [history.version(row) for row in reversed(versions)]
    facts = _facts(session, project_id, rows, now=now, seed=seed)
    return ProjectReport(
        project_id=project_id,
        kind=kind.name,
        title=kind.title,
        form=kind.form,
        metric=kind.metric,
        serving=next((one for one in known if one["state"] == "champion"), None),
        labels=summary.counts(rows),
        published=summary.published(session, project_id),
        live=_arms(live),
        course=live.course(bucket_size(len(rows))),
        random_course=live.random_course(max(accuracy.RANDOM_POINT, len(rows) // 10 // POINTS)),
        random_draws=live.draws,
        reliability=facts.reliability,
        drifts=list(facts.drifts),
        by_label=by_label(rows),
        pace=pace.pace(rows),
        delay=history.delay(versions),
        versions=known,
        waiting=facts.waiting,
        problems=problems.problems(facts),
    )


def bucket_size(labels: int) -> int:
    """Labels per point, so that there are at most ``POINTS`` points."""
    return accuracy.BUCKET * max(1, math.ceil(labels / accuracy.BUCKET / POINTS))


def by_label(rows: Sequence[LabelRow]) -> list[LabelLine]:
    """The most frequent labels of the answers, and how often suggestions had them."""
    accepted: dict[str, int] = {}
    found: dict[str, list[bool]] = {}
    for row in rows:
        suggested = {mark.label for mark in answer_from_json(row.suggested_answer or [])}
        for label in {mark.label for mark in answer_from_json(row.answer)}:
            accepted[label] = accepted.get(label, 0) + 1
            if accuracy.was_shown(row):
                found.setdefault(label, []).append(label in suggested)
    frequent = sorted(accepted, key=lambda label: (-accepted[label], label))[:MOST_LABELS]
    return [LabelLine(one, accepted[one], _share(found.get(one, []))) for one in frequent]


def _facts(
    session: Session, project_id: int, rows: Sequence[LabelRow], *, now: datetime, seed: int
) -> problems.Facts:
    return problems.Facts(
        project=session.get(ProjectRow, project_id),
        mark=session.get(MarkRow, project_id),
        waiting=work.waiting(session, project_id, now=now),
        failed_events=work.failed_events(session, project_id),
        reliability=reliability(rows),
        drifts=drift.drifts(session, project_id, seed=seed),
    )


def _arms(live: Live) -> dict[str, Estimate | None]:
    return {
        RANDOM: live.of_arm(RANDOM),
        ACTIVE: live.of_arm(ACTIVE),
        "all": live.estimate(row.task_id for row in live.rows),
    }


def _share(found: Sequence[bool]) -> Estimate | None:
    return intervals.proportion(sum(found), len(found))
