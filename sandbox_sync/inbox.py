"""Record each event once, and have somebody look, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import parse_time
from sandbox_sync.cloning import digest_of
from sandbox_sync.db import events
from sandbox_sync.db.tables import Event
from sandbox_sync.workflows.room import Room

Source = Literal["production", "sandbox"]
Hint = dict[str, Any]

LOOKED_AT = frozenset(
    {
        events.ANNOTATION_CREATED,
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "TASKS_DELETED",
        events.PROJECT_UPDATED,
    }
)
LOOKED_AT_IN_PRODUCTION = LOOKED_AT | {"TASKS_CREATED"}
"""Context is frozen when a task appears; a task that appears in the sandbox is ours."""
MOST_IDS = 5000
"""Label Studio's own batch size; nobody sends more in one call."""
LARGEST_ID = 2**53

log = logs.get(__name__)


def receive(room: Room, source: Source, body: Mapping[str, Any]) -> bool:
    """Store the event; True the first time. Only ids and digests are kept, no content.

    Of actions that we do not look at nothing is kept, not even the name.
    """
    action = str(body.get("action") or "")
    if action not in (LOOKED_AT_IN_PRODUCTION if source == "production" else LOOKED_AT):
        return False
    hint = hint_of(body)
    if source == "production" and action == events.ANNOTATION_CREATED:
        hint |= moment_of(body)
    key = event_key(source, action, body, hint)
    with room.transaction() as session:
        is_new = events.record(
            session,
            key=key,
            source=source,
            action=action,
            hint=hint,
            now=this_moment(),
        )
        if is_new:
            room.accept_event(session, session.get_one(Event, key), at_once=True)
    log.info("event.received", source=source, action=action, is_new=is_new)
    return is_new


def hint_of(body: Mapping[str, Any]) -> Hint:
    """The ids in an event: where to look, and nothing to believe."""
    annotations = _rows(body, "annotation") + _rows(body, "annotations")
    tasks = [row.get("id") for row in _rows(body, "task") + _rows(body, "tasks")]
    tasks += [row.get("task") for row in annotations]
    shown = {
        str(row["task"]): prediction["id"]
        for row in annotations
        if isinstance(prediction := row.get("prediction"), Mapping)
        and _is_id(prediction.get("id"))
        and _is_id(row.get("task"))
    }
    return {
        "projects": _ids([row.get("id") for row in _rows(body, "project")]),
        "tasks": _ids(tasks),
        "annotations": _ids([row.get("id") for row in annotations]),
        "shown": shown,
    }


def moment_of(body: Mapping[str, Any]) -> Hint:
    """What an answer in production was given to, as a digest, and when; for a glance at it."""
    task, annotation = body.get("task"), body.get("annotation")
    if not isinstance(task, Mapping) or not isinstance(annotation, Mapping):
        return {}
    data, moment = task.get("data"), annotation.get("updated_at")
    if not isinstance(data, dict) or not isinstance(moment, str):
        return {}
    try:
        told = {"data": digest_of(data), "moment": parse_time(moment).isoformat()}
    except (ValueError, OverflowError, RecursionError):
        return {}
    return {"said": told}


def event_key(source: Source, action: str, body: Mapping[str, Any], hint: Hint) -> str:
    """Equal for the same event sent twice.

    Label Studio sends no delivery id: an annotation's ids and moment name the
    event; a project event carries no moment, so each one counts.
    """
    moments = [str(row.get("updated_at")) for row in _rows(body, "annotation")]
    if action == events.PROJECT_UPDATED:
        moments.append(uuid4().hex)
    named = json.dumps([hint["tasks"], hint["annotations"], moments])
    return f"{source}:{action}:{hashlib.sha256(named.encode()).hexdigest()[:24]}"


def _rows(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = body.get(name)
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, Mapping)]


def _ids(values: list[Any]) -> list[int]:
    return sorted({value for value in values if _is_id(value)})[:MOST_IDS]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST_ID
