"""One project for each lane in the sandbox, in step with production.

A project with answers in it refuses a labelling config without the controls that
they were given with. Then the lane begins a new generation: a new project with the
new config, where its open items are made again. The old one keeps its answers.
"""

from __future__ import annotations

from typing import Any

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import WEBHOOK_ACTIONS
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Project
from sandbox_sync import cloning
from sandbox_sync.db import config_changes
from sandbox_sync.db import lane_projects as project_rows
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows.generation import move_open_items
from sandbox_sync.workflows.practice import seen_digest
from sandbox_sync.workflows.room import Room

HOOK_ACTIONS = [action for action in WEBHOOK_ACTIONS if action != "TASKS_CREATED"]
"""A task that appears in the sandbox is ours."""
BAD_REQUEST = 400

log = logs.get(__name__)


def ensure_project(room: Room, lane_id: int) -> None:
    """One project for the lane, with production's config and guidelines and our webhook."""
    with room.transaction() as session:
        lane = rows.lane(session, lane_id)
    if lane is None or not lane.label_config:
        return
    project_id = lane.sandbox_project_id
    if project_id is None or lane.applied != lane.wanted:
        project_id = _bring(room, lane)
    if project_id not in room.hooked:
        room.sandbox.ensure_webhooks(
            project_id,
            room.settings.sandbox_hook,
            headers={SECRET_HEADER: room.settings.sandbox_webhook_secret.get_secret_value()},
            actions=HOOK_ACTIONS,
        )
        room.hooked.add(project_id)


def _bring(room: Room, lane: rows.Lane) -> int:
    project_id = lane.sandbox_project_id
    if project_id is None:
        project_id = _new_project(room, lane).id
    try:
        room.sandbox.update_project(project_id, label_config=lane.label_config, **_fields_of(lane))
    except LabelStudioRefused as error:
        if lane.sandbox_project_id is None or not _refuses_config(error):
            raise
        return _begin_generation(room, lane, refused_by=project_id)
    move_open_items(room, lane, project_id)
    project = room.sandbox.project(project_id)
    with room.transaction() as session:
        project_rows.set_project(
            session,
            lane.id,
            project_id=project.id,
            applied=lane.wanted,
            seen=seen_digest(project),
            now=this_moment(),
        )
    if project.model_version == cloning.SHOWN_VERSION:
        room.suggesting.add(project.id)
    log.info("lane.in_step", lane=lane.id, sandbox_project=project.id)
    return project.id


def _refuses_config(error: LabelStudioRefused) -> bool:
    return error.code == BAD_REQUEST and "label_config" in error.detail


def _begin_generation(room: Room, lane: rows.Lane, *, refused_by: int) -> int:
    with room.transaction() as session:
        begun = project_rows.begin_generation(
            session, lane.id, refused_by=refused_by, now=this_moment()
        )
        config_changes.add_done(session, lane.production_project_id, "projects_renewed", int(begun))
        following = rows.lane(session, lane.id)
    log.warning("lane.new_generation", lane=lane.id, retired=refused_by)
    return _bring(room, following or lane)


def _fields_of(lane: rows.Lane) -> dict[str, Any]:
    fields: dict[str, Any] = {"expert_instruction": lane.guidelines, **lane.settings}
    if lane.sampling:
        fields["sampling"] = lane.sampling
    return fields


def _new_project(room: Room, lane: rows.Lane) -> Project:
    """The project of the lane's title, unless it is taken: members can rename theirs."""
    title = cloning.lane_title(room.title(lane.kind), lane.email, lane.generation)
    # A new project takes a version that no prediction has yet; later it would not.
    fields = _fields_of(lane) | {"model_version": cloning.SHOWN_VERSION}
    with room.transaction() as session:
        taken = project_rows.taken_projects(session, except_lane=lane.id)
    named = {project.id for project in room.sandbox.projects() if project.title == title}
    if not named & taken:
        return room.sandbox.ensure_project(title, label_config=lane.label_config, **fields)
    log.warning("lane.title_taken", lane=lane.id, sandbox_projects=sorted(named & taken))
    free = sorted(named - taken)
    if free:
        return room.sandbox.project(free[0])
    return room.sandbox.create_project(title, label_config=lane.label_config, **fields)
