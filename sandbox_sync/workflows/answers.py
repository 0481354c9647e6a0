"""A look at what was answered in one project, for which somebody waits.

Label Studio says only that there is an answer, and where: writing the answer, its task
and its project out for us would keep the annotator waiting in their submit. However
many answers come during a look, one more look sees them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from projects.kit.database import now as this_moment
from projects.kit.errors import NotInLabelStudio
from projects.vocabulary import Task
from sandbox_sync import cloning
from sandbox_sync.db import events, lane_projects
from sandbox_sync.db import practice as lanes
from sandbox_sync.db.tables import Event
from sandbox_sync.workflows import looking, practice, production
from sandbox_sync.workflows.room import Room
from sandbox_sync.workflows.top_up import top_up


def look(room: Room, event: Event) -> None:
    """Look until nobody has told us of another answer meanwhile."""
    while True:
        with room.transaction() as session:
            told = events.begin_look(session, event.key)
        if told is None:
            return
        for project_id in event.hint["projects"]:
            if event.source == "production":
                production.look_at_answers(room, project_id)
            else:
                _look_at_sandbox(room, project_id)
        with room.transaction() as session:
            is_over = events.end_look(session, event.key, told, now=this_moment())
        top_up(room, reason=f"event:{event.key}:{told}")
        if is_over:
            return


def _look_at_sandbox(room: Room, project_id: int) -> None:
    """The answers of one trainee in one of their projects; an earlier one counts as well."""
    with room.reading() as session:
        project = lane_projects.known(session, project_id)
        lane = None if project is None else lanes.lane(session, project.lane_id)
    if project is None or lane is None:
        return
    is_retired = lane.sandbox_project_id != project_id
    until = project.looked_until if is_retired else lane.looked_until
    found = looking.answers(room.sandbox, room.seen_in_sandbox, project_id, until=until)
    try:
        newest, unknown = practice.record_new(room, found)
    except NotInLabelStudio:
        return  # a whole look makes a new one
    if newest is not None and (until is None or newest > until):
        _set_looked_until(room, project_id, newest, lane_id=None if is_retired else lane.id)
    if not is_retired and _has_strangers(room, unknown):
        practice.remove_twins(room, lane.id, project_id, unknown)


def _set_looked_until(
    room: Room, project_id: int, newest: datetime, *, lane_id: int | None
) -> None:
    with room.transaction() as session:
        if lane_id is None:
            lane_projects.set_looked_until(session, project_id, newest)
        else:
            lanes.set_looked_until(session, lane_id, newest)


def _has_strangers(room: Room, tasks: Sequence[Task]) -> bool:
    """Tasks with a key of ours that we know nothing of: second copies."""
    keyed = [task.id for task in tasks if cloning.key_of(task) is not None]
    with room.reading() as session:
        return len(lanes.owners(session, keyed)) < len(keyed)
