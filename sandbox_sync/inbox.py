"""Record each event once, and have somebody look, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from sandbox_sync.db import events, lane_projects
from sandbox_sync.db.tables import Event
from sandbox_sync.workflows.room import Room

Source = Literal["production", "sandbox"]
Hint = dict[str, Any]

LOOKED_AT = frozenset(
    {
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
    """Store an event that is no answer; True when it asks for a look nobody had asked for.

    Only ids are kept, no content. Of actions that we do not look at nothing is kept, not
    even the name.
    """
    action = str(body.get("action") or "")
    if action not in (LOOKED_AT_IN_PRODUCTION if source == "production" else LOOKED_AT):
        return False
    is_new = _changed(room, source, action, body)
    log.info("event.received", source=source, action=action, is_new=is_new)
    return is_new


def answered(room: Room, source: Source, project_id: int) -> None:
    """One row for each project, however many answers there are: a look sees all of them.

    Of these calls it counts in which project something was answered, and nothing else.
    """
    key = f"{source}:{events.ANSWERED}:{project_id}"
    with room.reading() as session:
        if events.will_be_seen(session, key) or not _is_ours(room, session, source, project_id):
            return
    hint = {"projects": [project_id]}
    with room.transaction() as session:
        if not events.tell(session, key=key, source=source, hint=hint, now=this_moment()):
            return
        room.accept_event(session, session.get_one(Event, key), at_once=True)
    log.info("event.received", source=source, action=events.ANSWERED, project=project_id)


def _is_ours(room: Room, session: Session, source: Source, project_id: int) -> bool:
    """Every member of the sandbox can tell of any project."""
    if source == "production":
        return project_id in room.followed
    return lane_projects.known(session, project_id) is not None


def _changed(room: Room, source: Source, action: str, body: Mapping[str, Any]) -> bool:
    hint = hint_of(body)
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
    return is_new


def project_of(body: Mapping[str, Any]) -> int | None:
    """The project of a call that says more than it has to; None without one."""
    return next(iter(hint_of(body)["projects"]), None)


def hint_of(body: Mapping[str, Any]) -> Hint:
    """The ids in an event: where to look, and nothing to believe."""
    names = {"projects": "project", "tasks": "tasks", "annotations": "annotations"}
    return {
        kept: _ids([row.get("id") for row in _rows(body, name)]) for kept, name in names.items()
    }


def event_key(source: Source, action: str, body: Mapping[str, Any], hint: Hint) -> str:
    """Equal for the same event sent twice.

    Label Studio sends no delivery id: the ids name the event; a project event
    carries no moment, so each one counts.
    """
    moment = uuid4().hex if action == events.PROJECT_UPDATED else ""
    named = json.dumps([hint["tasks"], hint["annotations"], moment])
    return f"{source}:{action}:{hashlib.sha256(named.encode()).hexdigest()[:24]}"


def _rows(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = body.get(name)
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, Mapping)]


def _ids(values: list[Any]) -> list[int]:
    return sorted({value for value in values if _is_id(value)})[:MOST_IDS]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST_ID
