"""Bring one trainee's queue of one kind into step with production: project, then items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from projects.kinds import registry
from projects.kit import engine, logs
from projects.kit.database import now as this_moment
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Json, Project, Task
from sandbox_sync import cloning
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows.practice import project_digest
from sandbox_sync.workflows.room import Room, current

HOOK_ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)

log = logs.get(__name__)


@engine.workflow(name="tend_lane")
def tend_lane(lane_id: int) -> None:
    """Make sure of the lane's project, then fill its queue. One at a time per lane."""
    _project_step(lane_id)
    _fill_step(lane_id)


@engine.step(name="ensure_lane_project")
def _project_step(lane_id: int) -> None:
    ensure_project(current(), lane_id)


@engine.step(name="fill_lane")
def _fill_step(lane_id: int) -> None:
    fill(current(), lane_id)


def ensure_project(room: Room, lane_id: int) -> None:
    """One project for the lane, with production's config and guidelines and our webhook."""
    with room.transaction() as session:
        lane = rows.lane(session, lane_id)
    if lane is None or not lane.label_config:
        return
    project_id = lane.sandbox_project_id
    wanted = project_digest(lane.label_config, lane.guidelines, lane.sampling)
    if project_id is None or lane.applied != wanted:
        project = _bring(room, lane)
        seen = project_digest(project.label_config, project.guidelines, project.sampling)
        with room.transaction() as session:
            rows.set_project(session, lane.id, project_id=project.id, applied=wanted, seen=seen)
        project_id = project.id
        log.info("lane.in_step", lane=lane.id, sandbox_project=project.id)
    if lane.id not in room.hooked:
        room.sandbox.ensure_webhook(
            project_id,
            room.settings.sandbox_hook,
            headers={SECRET_HEADER: room.settings.sandbox_webhook_secret.get_secret_value()},
            actions=HOOK_ACTIONS,
        )
        room.hooked.add(lane.id)


def fill(room: Room, lane_id: int) -> None:
    """Reserve what the queue has room for, then make every reserved item in the sandbox."""
    with room.transaction() as session:
        lane = rows.lane(session, lane_id)
        if lane is None or lane.sandbox_project_id is None:
            return
        left_over = rows.not_created(session, lane.id)
        digests = rows.plan(session, lane, depth=room.settings.queue_depth)
        rows.reserve(session, lane, digests, now=this_moment())
        waiting = rows.not_created(session, lane.id)
    if not waiting:
        return
    found = _already_there(room, lane.sandbox_project_id) if left_over else {}
    missing = [(key, snapshot) for key, snapshot in waiting if key not in found]
    imported = room.sandbox.import_tasks(
        lane.sandbox_project_id, [cloning.clone_row(snapshot, key) for key, snapshot in missing]
    )
    created = dict(zip((key for key, _ in missing), imported, strict=True))
    with room.transaction() as session:
        rows.set_created(session, {key: found[key] for key, _ in waiting if key in found} | created)
    log.info("items.cloned", lane=lane.id, created=len(created), found=len(found))
    if any(snapshot.suggestion is not None for _, snapshot in waiting):
        _show_suggestions(room, lane.sandbox_project_id)


def _bring(room: Room, lane: rows.Lane) -> Project:
    title = cloning.lane_title(registry.load(lane.kind).title, lane.email)
    fields: dict[str, Any] = {
        "expert_instruction": lane.guidelines,
        "show_instruction": bool(lane.guidelines),
        "show_collab_predictions": True,
    }
    if lane.sampling:
        fields["sampling"] = lane.sampling
    project_id = lane.sandbox_project_id
    if project_id is None:
        project_id = next((p.id for p in room.sandbox.projects() if p.title == title), None)
    if project_id is None:
        made = room.sandbox.create_project(title, label_config=lane.label_config, **fields)
        project_id = made.id
    else:
        room.sandbox.update_project(project_id, label_config=lane.label_config, **fields)
    return room.sandbox.project(project_id)


def _already_there(room: Room, project_id: int) -> dict[str, int]:
    """Sandbox task by our key; a copy that was made twice loses its unanswered twins."""
    found: dict[str, int] = {}
    for key, tasks in _by_key(room.sandbox.tasks(project_id)).items():
        ordered = sorted(tasks, key=lambda task: (not task.annotations, task.id))
        found[key] = ordered[0].id
        for twin in ordered[1:]:
            if not twin.annotations:
                room.sandbox.delete_task(twin.id)
    return found


def _by_key(tasks: Iterable[Task]) -> Mapping[str, list[Task]]:
    grouped: dict[str, list[Task]] = {}
    for task in tasks:
        meta: Json = task.meta
        if isinstance(key := meta.get(cloning.KEY), str):
            grouped.setdefault(key, []).append(task)
    return grouped


def _show_suggestions(room: Room, project_id: int) -> None:
    if room.sandbox.project(project_id).model_version != cloning.SHOWN_VERSION:
        room.sandbox.update_project(project_id, model_version=cloning.SHOWN_VERSION)
