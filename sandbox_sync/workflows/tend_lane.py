"""Bring one trainee's queue of one kind into step with production: project, then items."""

from __future__ import annotations

from projects.kit import engine
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows.fill_lane import fill
from sandbox_sync.workflows.lane_project import ensure_project
from sandbox_sync.workflows.room import Room, current


@engine.workflow(name="tend_lane")
def tend_lane(lane_id: int) -> None:
    """Make sure of the lane's project, then of its queue. One at a time per lane."""
    _project_step(lane_id)
    _queue_step(lane_id)


@engine.step(name="ensure_lane_project")
def _project_step(lane_id: int) -> None:
    bring_project(current(), lane_id)


@engine.step(name="fill_lane")
def _queue_step(lane_id: int) -> None:
    bring_queue(current(), lane_id)


def bring_project(room: Room, lane_id: int) -> None:
    """The lane's project as it should be; whoever has left needs none."""
    with room.reading() as session:
        lane = rows.lane(session, lane_id)
    if lane is not None and not lane.has_left:
        ensure_project(room, lane_id)


def bring_queue(room: Room, lane_id: int) -> None:
    """Out with what is too old, in with what there is room for."""
    fill(room, lane_id)
