"""Find the lanes that have something to do, and have them tended."""

from __future__ import annotations

from projects.kit import logs
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)

SHARE = 4
"""A queue is filled again at once when a quarter of it is free; by and by when less is."""


def top_up(room: Room, *, reason: str, patiently: bool = True) -> int:
    """Accept work for every lane that needs it; how many do.

    ``patiently`` waits until a refill is worth an import of its own.
    """
    depth = room.settings.queue_depth
    needy = []
    with room.reading() as session:
        for lane in rows.lanes(session):
            free = len(rows.plan(session, lane, depth=depth))
            enough = max(1, depth // SHARE) if patiently else 1
            changed = lane.sandbox_project_id is None or lane.applied != lane.wanted
            behind = not patiently and (
                lane.sandbox_project_id not in room.hooked
                or bool(rows.unfinished(session, lane.id))
            )
            if changed or behind or free >= enough:
                needy.append(lane.id)
    if needy:
        with room.transaction() as session:
            for lane_id in needy:
                room.accept_tending(session, lane_id, reason=reason)
        log.info("lanes.needy", count=len(needy))
    return len(needy)
