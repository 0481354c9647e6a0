"""Numbers for a monitoring system, read from the tables when asked."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from backend_ml import events
from backend_ml.tables import Event, LabelRow, ProjectRow, PublicationRow, VersionRow
from projects.kit import database
from projects.kit.database import Sessions

PREFIX = "understudy_backend_ml"


class Metrics:
    """The registry of one app, and what the app itself observes."""

    def __init__(self, reading: Sessions) -> None:
        self.registry = CollectorRegistry()
        self.predict_seconds = Histogram(
            f"{PREFIX}_predict_seconds", "Time to answer /predict.", registry=self.registry
        )
        self.predict_failures = Counter(
            f"{PREFIX}_predict_failures",
            "Calls of /predict that a model failed; the annotator saw no suggestion.",
            ["project", "error"],
            registry=self.registry,
        )
        self.registry.register(_Tables(reading))


class _Tables(Collector):
    def __init__(self, reading: Sessions) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        with self._reading() as session:
            yield _counts(session, "events", "Webhook calls recorded.", Event.action, "action")
            yield _counts(session, "trainings", "Models trained.", VersionRow.state, "state")
            yield _counts(session, "labels", "Accepted labels.", LabelRow.project_id, "project")
            yield _counts(
                session, "predictions", "Predictions published.", PublicationRow.project_id,
                "project", where=PublicationRow.pushed_at.is_not(None),
            )  # fmt: skip
            yield _rollbacks(session)
            yield GaugeMetricFamily(
                f"{PREFIX}_stuck_events",
                "Events that failed too often and wait for a person.",
                value=_stuck(session),
            )
            yield GaugeMetricFamily(
                f"{PREFIX}_oldest_unhandled_event_seconds",
                "Age of the oldest event that is not handled; 0 without one.",
                value=_oldest_seconds(session),
            )

    def describe(self) -> Iterator[Metric]:
        """Nothing: describing must not need the database."""
        return iter(())


def _counts(
    session: Session, name: str, help_text: str, column: sa.orm.InstrumentedAttribute[object],
    label: str, *, where: sa.ColumnElement[bool] | None = None,
) -> Metric:  # fmt: skip
    gauges = {"labels", "predictions"}  # labels are taken back, tasks go; a counter must not fall
    family = GaugeMetricFamily if name in gauges else CounterMetricFamily
    found = family(f"{PREFIX}_{name}", help_text, labels=[label])
    query = sa.select(column, sa.func.count()).group_by(column)
    for value, count in session.execute(query if where is None else query.where(where)):
        found.add_metric([str(value)], count)
    return found


def _rollbacks(session: Session) -> Metric:
    """When live accuracy last made an older version serve again; absent where it never did."""
    found = GaugeMetricFamily(
        f"{PREFIX}_last_rollback_timestamp_seconds",
        "When live accuracy last made an older version serve again.",
        labels=["project"],
    )
    query = sa.select(ProjectRow.project_id, ProjectRow.rolled_back_at)
    for project_id, moment in session.execute(query):
        if moment is not None:
            found.add_metric([str(project_id)], moment.timestamp())
    return found


def _stuck(session: Session) -> int:
    query = sa.select(sa.func.count()).where(
        Event.handled_at.is_(None), Event.attempts >= events.MAX_ATTEMPTS
    )
    return session.scalar(query) or 0


def _oldest_seconds(session: Session) -> float:
    oldest = session.scalar(
        sa.select(Event.received_at)
        .where(Event.handled_at.is_(None))
        .order_by(Event.received_at)
        .limit(1)
    )
    return 0.0 if oldest is None else (database.now() - oldest).total_seconds()
