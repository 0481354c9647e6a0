"""How we are: the age of the oldest event nobody has looked at, counts, and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from projects.kit.database import Sessions
from projects.kit.database import now as this_moment
from projects.kit.errors import PlatformError
from projects.kit.web import is_bearer
from sandbox_sync import reporting
from sandbox_sync.db import events, frozen, queries
from sandbox_sync.settings import Settings

LATE_SECONDS = 60.0
"""An unhandled event older than this means that something is wrong."""
COUNTED = (
    "trainees",
    "clones",
    "expected_clones",
    "open_items",
    "submissions",
    "comparisons",
    "feedbacks",
    "pending_feedback",
    "unhandled_events",
)

router = APIRouter(tags=["health"])


class ForOperators(PlatformError):
    """Counts tell when production answered something, which is no trainee's business."""

    status = 403

    def __str__(self) -> str:
        return "Counts are for operators: with the metrics key, or signed in as a trainer."


@router.get("/health")
def health(request: Request) -> dict[str, Any]:
    """Answers as long as the process and its database do; to operators with numbers."""
    reading: Sessions = request.app.state.reading
    with reading() as session:
        found = facts(session)
    return found if is_operator(request) else {"status": found["status"]}


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The same for Prometheus."""
    if not is_operator(request):
        raise ForOperators
    registry = CollectorRegistry()
    registry.register(_Now(request.app.state.reading))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def is_operator(request: Request) -> bool:
    """Whether this comes with the metrics key or from a trainer.

    That a request comes from this machine proves nothing: the sandbox's Label Studio
    runs on it too, and imports for any member whatever address they name.
    """
    settings: Settings = request.app.state.settings
    is_trainer = settings.is_trainer(str(request.session.get("email") or ""))
    return is_trainer or is_bearer(request, settings.metrics_key)


def facts(session: Session) -> dict[str, Any]:
    """Health as JSON."""
    oldest = events.oldest_unhandled(session)
    total, unhandled = events.counts(session)
    waiting, marked = frozen.counts(session)
    age = 0.0 if oldest is None else (this_moment() - oldest).total_seconds()
    return {
        "status": "late" if age > LATE_SECONDS else "up",
        "oldest_unhandled_seconds": round(age, 1),
        "events": total,
        "unhandled_events": unhandled,
        "contexts_waiting": waiting,
        "contexts_missing": marked,
    }


class _Now(Collector):
    """Reads the database when it is asked, so that no count can drift."""

    def __init__(self, reading: Sessions) -> None:
        self._reading = reading

    def collect(self) -> Iterable[GaugeMetricFamily]:
        with self._reading() as session:
            now = facts(session)
            counted = queries.counts(session)
            latency = reporting.latency(queries.latencies(session))
        yield GaugeMetricFamily(
            "sandbox_sync_oldest_unhandled_event_seconds",
            "Age of the oldest event that nobody has looked at",
            value=now["oldest_unhandled_seconds"],
        )
        for name in ("contexts_waiting", "contexts_missing"):
            yield GaugeMetricFamily(
                f"sandbox_sync_{name}", "Tasks whose context could not be had", value=now[name]
            )
        for name in COUNTED:
            yield GaugeMetricFamily(
                f"sandbox_sync_{name}", name.replace("_", " "), value=counted[name]
            )
        for name in ("median", "p99"):
            if (seconds := latency[name]) is not None:
                yield GaugeMetricFamily(
                    f"sandbox_sync_feedback_latency_{name}_seconds",
                    "From the later answer to the message",
                    value=seconds,
                )
