"""Bring one trainee's queue of one kind into step with production: project, then items."""

from __future__ import annotations

from projects.kit import engine
from sandbox_sync.workflows.fill_lane import fill
from sandbox_sync.workflows.lane_project import ensure_project
from sandbox_sync.workflows.room import current


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
