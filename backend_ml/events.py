"""Webhook calls, reduced to what we use, recorded once, handled later."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import Event
from projects.kinds.base import Kind
from projects.kit.errors import BadInput
from projects.vocabulary import annotation_from_json, parse_time

START_TRAINING = "START_TRAINING"
ANNOTATION_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
TASK_ACTIONS = ("TASKS_CREATED",)
DELETIONS = {"ANNOTATIONS_DELETED": "annotations", "TASKS_DELETED": "tasks"}
ANNOTATION_FIELDS = (
    "id", "task", "project", "completed_by", "result", "was_cancelled", "ground_truth",
    "created_at", "updated_at", "lead_time", "prediction",
)  # fmt: skip
LARGEST_ID = 2**31 - 1
"""Of what Label Studio numbers, and of what PostgreSQL calls an integer."""
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
MAX_ATTEMPTS = 5
"""After so many failures an event is left for a person to look at."""
UNHANDLED = (Event.handled_at.is_(None), Event.attempts < MAX_ATTEMPTS)
"""Of events that are still to be handled."""


@dataclass(frozen=True)
class Heard:
    """A webhook call that concerns us."""

    key: str
    action: str
    project_id: int
    body: dict[str, Any]


def project_of(body: Mapping[str, Any]) -> int | None:
    """The project that a webhook call is about; ``None`` when it does not say."""
    project = body.get("project")
    number = project.get("id") if isinstance(project, Mapping) else project
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadInput("an integer is expected", "project.id")
    return number


def read(body: Mapping[str, Any], kind: Kind) -> Heard | None:
    """What a call for a project of this kind says; ``None`` for what we do not use.

    Raises
    ------
    BadInput
        When an action that we use carries something of the wrong type.
    """
    action, project_id = body.get("action"), project_of(body)
    if project_id is None or not isinstance(action, str):
        return None
    if action == START_TRAINING:
        return Heard(f"{action}:{project_id}:{uuid.uuid4().hex}", action, project_id, {})
    kept: dict[str, Any]
    if action in ANNOTATION_ACTIONS:
        annotations = [_annotation(row, project_id) for row in _rows(body, "annotation")]
        kept = {"annotations": annotations, "tasks": _tasks(_rows(body, "task"), kind)}
        signs = [f"{row['id']}@{row['updated_at']}" for row in annotations]
    elif action in TASK_ACTIONS:
        kept = {"tasks": _tasks(_rows(body, "tasks"), kind)}
        signs = [str(row["id"]) for row in kept["tasks"]]
    elif action in DELETIONS:
        signs = [str(_id(row, "id")) for row in _rows(body, DELETIONS[action])]
        kept = {"ids": [int(sign) for sign in signs]}
    else:
        return None
    if not signs:
        return None
    return Heard(_key(action, project_id, signs), action, project_id, kept)


def record_once(session: Session, heard: Heard, *, now: datetime) -> bool:
    """Store the call; True only the first time. The unique key decides who was first."""
    known = session.scalar(sa.select(Event.id).where(Event.key == heard.key))
    if known is not None:
        return False
    row = Event(
        key=heard.key,
        action=heard.action,
        project_id=heard.project_id,
        body=heard.body,
        received_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except sa.exc.IntegrityError:
        return False
    return True


def will_be_seen(session: Session, heard: Heard) -> bool:
    """Whether another event of the project waits, and with it somebody who will look again.

    Who handles events goes on until none is left, and sees this one whatever comes first: the
    other one cannot be marked as handled before this transaction ends. One that is just being
    handled does not count.
    """
    query = sa.select(Event.id).where(
        Event.project_id == heard.project_id,
        Event.handled_at.is_(None),
        Event.attempts == 0,
        Event.key != heard.key,
    )
    locked = query.limit(1).with_for_update(read=True, skip_locked=True)
    return session.scalar(locked) is not None


def waiting(session: Session, project_id: int) -> list[int]:
    """The ids of events still to be handled, oldest first."""
    query = sa.select(Event.id).where(Event.project_id == project_id, *UNHANDLED)
    return list(session.scalars(query.order_by(Event.id)))


def unhandled(session: Session, project_id: int | None = None) -> Sequence[Event]:
    """Events still to be handled, oldest first."""
    query = sa.select(Event).where(*UNHANDLED)
    if project_id is not None:
        query = query.where(Event.project_id == project_id)
    return session.scalars(query.order_by(Event.id)).all()


def _key(action: str, project_id: int, signs: Sequence[str]) -> str:
    if len(signs) == 1:
        return f"{action}:{project_id}:{signs[0]}"
    digest = hashlib.sha256(json.dumps(signs).encode()).hexdigest()[:24]
    return f"{action}:{project_id}:{len(signs)}:{digest}"


def _rows(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """One object or a list of them, under one key: Label Studio does both."""
    found = body.get(name)
    rows = found if isinstance(found, list) else [] if found is None else [found]
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadInput("an object is expected", name)
    return rows


def _id(row: Mapping[str, Any], name: str) -> int:
    number = row.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST_ID:
        raise BadInput(f"an integer from 0 to {LARGEST_ID} is expected", name)
    return number


def _annotation(row: Mapping[str, Any], project_id: int) -> dict[str, Any]:
    kept = {name: row.get(name) for name in ANNOTATION_FIELDS} | {"project": project_id}
    _id(row, "id")
    _id(row, "task")
    try:
        person = annotation_from_json(kept).completed_by
    except UNREADABLE as error:
        raise BadInput(f"not an annotation ({type(error).__name__})", "annotation") from error
    if person is not None:
        _id({"completed_by": person}, "completed_by")
    result = [] if kept["result"] is None else kept["result"]
    if not isinstance(result, list) or any(not isinstance(one, Mapping) for one in result):
        raise BadInput("a list of objects is expected", "annotation.result")
    return kept


def _tasks(rows: Sequence[Mapping[str, Any]], kind: Kind) -> list[dict[str, Any]]:
    kept = []
    for row in rows:
        data = row.get("data")
        if not isinstance(data, Mapping):
            raise BadInput("an object is expected", "task.data")
        try:
            parse_time(row["created_at"])
        except UNREADABLE as error:
            raise BadInput("a time is expected", "task.created_at") from error
        kept.append({"id": _id(row, "id"), "text": kind.text(data)})
    return kept
