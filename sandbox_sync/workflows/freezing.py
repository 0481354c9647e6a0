"""What a task's references stand for is looked up when the task appears, and kept.

A task whose references cannot be resolved waits, and is tried again for a bounded
time; then it is frozen with a clear mark in place of what is missing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from projects.kit import discovery, logs
from projects.kit.database import now as this_moment
from projects.kit.errors import LabelStudioRefused, LabelStudioUnavailable, UnknownName
from projects.vocabulary import Json, ProjectId, Task
from sandbox_sync import changes, cloning, context, freezing
from sandbox_sync.context.base import (
    MEDIA,
    NotResolved,
    Provider,
    Reference,
    World,
    references,
)
from sandbox_sync.db import frozen as rows
from sandbox_sync.db import production
from sandbox_sync.db.frozen import Frozen
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room

BUDGET_SECONDS = 20.0
"""Of one look, for all its references; what comes later waits for its own turn."""
FILES = "label_studio_file"
MOST_DUE = 20

log = logs.get(__name__)


def providers() -> dict[str, Provider]:
    """Every provider there is, by name."""
    return {
        name: cast(Provider, discovery.load(context, name)) for name in discovery.names(context)
    }


def freeze(room: Room, tasks: Sequence[Task]) -> dict[int, Frozen]:
    """What these tasks' references stood for, of those that have any; looked up once."""
    media = _media_fields(room, {task.project_id for task in tasks})
    known = providers()
    found = {
        task.id: [
            *references(task.data, room.settings.context_fields, known),
            *references(
                {name: value for name, value in task.data.items() if isinstance(value, str)},
                media[task.project_id] - room.settings.context_fields,
                {FILES: known[FILES]},
            ),
        ]
        for task in tasks
        if task.project_id in room.followed
    }
    asked = [task for task in tasks if found.get(task.id)]
    if not asked:
        return {}
    with room.reading() as session:
        kept = rows.of_tasks(session, [task.id for task in asked])
    until = time.monotonic() + BUDGET_SECONDS
    for task in asked:
        digest = cloning.digest_of(task.data)
        before = kept.get(task.id)
        if before is not None and before.data_digest != digest:
            before = None
        if before is None or _is_due(before):
            late = time.monotonic() > until
            kept[task.id] = tried = _wait(before, digest)
            with apart("context", passing=False, task=task.id):
                tried = tried if late else _try(room, task, found[task.id], before)
                with room.transaction() as session:
                    kept[task.id] = rows.save(session, task.id, tried, now=this_moment())
    return kept


def _media_fields(room: Room, project_ids: set[ProjectId]) -> dict[ProjectId, frozenset[str]]:
    """The fields in which each project's config shows pictures or recordings."""
    with room.reading() as session:
        known = {number: production.project(session, number) for number in project_ids}
    return {
        number: changes.read(row.label_config).media if row and row.label_config else frozenset()
        for number, row in known.items()
    }


def due(room: Room) -> list[int]:
    """Production tasks whose references are to be tried again now."""
    with room.reading() as session:
        return rows.due(session, now=this_moment(), limit=MOST_DUE)


def _is_due(frozen: Frozen) -> bool:
    return frozen.data is None and (frozen.retry_at is None or frozen.retry_at <= this_moment())


def _wait(before: Frozen | None, digest: str) -> Frozen:
    moment = this_moment()
    return before or Frozen(digest, None, (), moment, 0, moment)


def _try(room: Room, task: Task, found: Sequence[Reference], before: Frozen | None) -> Frozen:
    moment = this_moment()
    world = _world(room, moment)
    begun_at = before.begun_at if before is not None else moment
    attempts = (before.attempts if before is not None else 0) + 1
    patience = timedelta(seconds=room.settings.context_patience_seconds)
    out_of_time = moment - begun_at >= patience
    values: Json = {}
    marks: dict[str, str] = {}
    sources: list[Json] = []
    waits = False
    for reference in found:
        source: Json = {"field": reference.field, "provider": reference.provider}
        try:
            values[reference.field] = _resolve(reference, task.data, world)
            source["digest"] = cloning.digest_of(values[reference.field])
        except NotResolved as error:
            waits = waits or (error.retryable and not out_of_time)
            marks[reference.field] = freezing.mark(reference.provider, error.what)
            source["trouble"] = error.what
        sources.append(source | {"moment": this_moment().isoformat()})
    log.info("context.resolved", task=task.id, fields=len(values), missing=len(marks), waits=waits)
    return Frozen(
        data_digest=cloning.digest_of(task.data),
        data=None if waits else freezing.with_values(task.data, values, marks),
        sources=tuple(sources),
        begun_at=begun_at,
        attempts=attempts,
        retry_at=freezing.next_try(attempts, now=moment) if waits else None,
    )


def _resolve(reference: Reference, data: Mapping[str, Any], world: World) -> Any:
    try:
        provider = cast(Provider, discovery.load(context, reference.provider))
    except UnknownName as error:
        raise NotResolved("there is no such provider", passing=False) from error
    found = provider.resolve(reference, data, world)
    if not freezing.is_storable(found):
        raise NotResolved("it holds what cannot be stored", passing=False)
    return found


def _world(room: Room, moment: datetime) -> World:
    settings = room.settings

    def keep(content: bytes, kind: str) -> str:
        name = f"{hashlib.sha256(content).hexdigest()}.{MEDIA[kind]}"
        store_once(settings.media_dir / name, content)
        return settings.link(f"media/{name}")

    def read_production(path: str) -> tuple[bytes, str]:
        try:
            return room.production.file(path, max_bytes=settings.media_max_bytes)
        except LabelStudioUnavailable as error:
            raise NotResolved("production does not answer") from error
        except LabelStudioRefused as error:
            raise NotResolved("production does not give it, or it is too large") from error

    return World(
        hosts=settings.context_hosts,
        networks=tuple(settings.context_networks),
        max_bytes=settings.context_max_bytes,
        timeout_seconds=settings.context_timeout_seconds,
        calendar_dir=settings.calendar_dir,
        thread_dir=settings.thread_dir,
        now=moment,
        read_production=read_production,
        keep=keep,
    )


def store_once(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
    staged.write_bytes(content)
    os.replace(staged, path)
