"""Recorded events into the label store, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import events, schedule
from backend_ml.events import START_TRAINING
from backend_ml.labels import LabelStore
from backend_ml.tables import Event, hold
from backend_ml.workshop import Workshop
from projects.kit import logs
from projects.kit.batches import batched
from projects.kit.database import transaction
from projects.vocabulary import annotation_from_json

TOGETHER = 25
"""Events of one transaction: few enough that no webhook waits long for its turn."""

log = logs.get(__name__)


def digest(workshop: Workshop, project_id: int) -> int:
    """Handle events of a project until none is left; returns how many were handled.

    Also those that come meanwhile: nobody else is asked to look at them. An event that cannot
    be handled is counted and stays; the others go on.
    """
    handled, tried = 0, set[int]()
    while waiting := [one for one in _waiting(workshop, project_id) if one not in tried]:
        tried.update(waiting)
        for some in batched(waiting, TOGETHER):
            if _handle_together(workshop, project_id, some):
                handled += len(some)
            else:
                handled += sum(_handle(workshop, event_id) for event_id in some)
    return handled


def _waiting(workshop: Workshop, project_id: int) -> list[int]:
    with workshop.reading() as session:
        return events.waiting(session, project_id)


def _handle_together(workshop: Workshop, project_id: int, event_ids: Sequence[int]) -> bool:
    """All of them, or none where one cannot be handled: who that is, only one by one tells."""
    try:
        with transaction(workshop.sessions) as session:
            hold(session, project_id)
            store = open_store(session, workshop, project_id)
            query = sa.select(Event).where(Event.id.in_(event_ids)).order_by(Event.id)
            for event in session.scalars(query).all():
                _apply_once(session, workshop, event, store)
    except Exception as error:  # noqa: BLE001 - it says nothing of the others
        log.info("events.apart", count=len(event_ids), error=type(error).__name__)
        return False
    return True


def _apply_once(session: Session, workshop: Workshop, event: Event, store: LabelStore) -> None:
    apply(session, event, store)
    event.handled_at = workshop.clock()


def open_store(session: Session, workshop: Workshop, project_id: int) -> LabelStore:
    """The label store of a project, for events that are handled in this transaction."""
    return LabelStore(session, project_id, workshop.kind(project_id), now=workshop.clock())


def _handle(workshop: Workshop, event_id: int) -> bool:
    try:
        with transaction(workshop.sessions) as session:
            event = session.get_one(Event, event_id)
            hold(session, event.project_id)
            _apply_once(session, workshop, event, open_store(session, workshop, event.project_id))
    except Exception as error:  # noqa: BLE001 - whatever one event says, the others go on
        with transaction(workshop.sessions) as session:
            event = session.get_one(Event, event_id)
            event.attempts += 1
            event.error = type(error).__name__  # no message: it could quote the content
        log.warning("event.failed", number=event_id, error=type(error).__name__)
        return False
    return True


def apply(session: Session, event: Event, store: LabelStore) -> None:
    """What one event says, as the label store keeps it; harmless when repeated."""
    body: dict[str, Any] = event.body if isinstance(event.body, dict) else {}
    if event.action == START_TRAINING:
        if event.handled_at is None:
            schedule.force(session, event.project_id)
        return
    if event.action == "ANNOTATIONS_DELETED":
        store.forget_annotations(body["ids"])
    elif event.action == "TASKS_DELETED":
        store.forget_tasks(body["ids"])
    store.see_tasks((row["id"], row["text"]) for row in body.get("tasks", ()))
    for row in body.get("annotations", ()):
        # An empty object says that nothing was shown; only an absent one says nothing.
        store.see_annotation(annotation_from_json(row), unaided=row.get("prediction") == {})
