"""One project for each lane in the sandbox, in step with production."""

from __future__ import annotations

from typing import Any

from projects.kit import logs
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Project
from sandbox_sync import cloning
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows.practice import project_digest
from sandbox_sync.workflows.room import Room

HOOK_ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)

log = logs.get(__name__)


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


def _bring(room: Room, lane: rows.Lane) -> Project:
    title = cloning.lane_title(room.title(lane.kind), lane.email)
    fields: dict[str, Any] = {
        "expert_instruction": lane.guidelines,
        "show_instruction": bool(lane.guidelines),
        "show_collab_predictions": True,
    }
    if lane.sampling:
        fields["sampling"] = lane.sampling
    project_id = lane.sandbox_project_id
    if project_id is None:
        project_id = _new_project(room, lane, title, fields).id
    room.sandbox.update_project(project_id, label_config=lane.label_config, **fields)
    return room.sandbox.project(project_id)


def _new_project(room: Room, lane: rows.Lane, title: str, fields: dict[str, Any]) -> Project:
    """The project of this title, unless it is another lane's: members can rename theirs."""
    with room.transaction() as session:
        taken = rows.taken_projects(session, except_lane=lane.id)
    named = {project.id for project in room.sandbox.projects() if project.title == title}
    if not named & taken:
        return room.sandbox.ensure_project(title, label_config=lane.label_config, **fields)
    log.warning("lane.title_taken", lane=lane.id, sandbox_projects=sorted(named & taken))
    free = sorted(named - taken)
    if free:
        return room.sandbox.project(free[0])
    return room.sandbox.create_project(title, label_config=lane.label_config, **fields)
