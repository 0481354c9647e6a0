"""Recorded events into the label store, one transaction each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from backend_ml import events, schedule
from backend_ml.events import START_TRAINING
from backend_ml.labels import LabelStore
from backend_ml.tables import Event, hold
from backend_ml.workshop import Workshop
from projects.kit import logs
from projects.kit.database import transaction
from projects.vocabulary import annotation_from_json

log = logs.get(__name__)


def digest(workshop: Workshop, project_id: int) -> int:
    """Handle every event of a project that is still unhandled; returns how many were.

    An event that cannot be handled is counted and stays; the others go on.
    """
    with transaction(workshop.sessions) as session:
        waiting = [event.id for event in events.unhandled(session, project_id)]
    return sum(_handle(workshop, event_id) for event_id in waiting)


def _handle(workshop: Workshop, event_id: int) -> bool:
    try:
        with transaction(workshop.sessions) as session:
            event = session.get_one(Event, event_id)
            hold(session, event.project_id)
            apply(session, workshop, event)
            event.handled_at = workshop.clock()
    except Exception as error:  # noqa: BLE001 - whatever one event says, the others go on
        with transaction(workshop.sessions) as session:
            event = session.get_one(Event, event_id)
            event.attempts += 1
            event.error = type(error).__name__  # no message: it could quote the content
        log.warning("event.failed", number=event_id, error=type(error).__name__)
        return False
    return True


def apply(session: Session, workshop: Workshop, event: Event) -> None:
    """What one event says, as the label store keeps it; harmless when repeated."""
    body: dict[str, Any] = event.body if isinstance(event.body, dict) else {}
    if event.action == START_TRAINING:
        if event.handled_at is None:
            schedule.force(session, event.project_id)
        return
    kind = workshop.kind(event.project_id)
    store = LabelStore(session, event.project_id, kind, now=workshop.clock())
    if event.action == "ANNOTATIONS_DELETED":
        store.forget_annotations(body["ids"])
    elif event.action == "TASKS_DELETED":
        store.forget_tasks(body["ids"])
    store.see_tasks((row["id"], row["text"]) for row in body.get("tasks", ()))
    for row in body.get("annotations", ()):
        # An empty object says that nothing was shown; only an absent one says nothing.
        store.see_annotation(annotation_from_json(row), unaided=row.get("prediction") == {})
