"""Find the lanes that have something to do, and have them tended."""

from __future__ import annotations

from sqlalchemy.orm import Session

from projects.kit import logs
from sandbox_sync.db import needs
from sandbox_sync.db import practice as rows
from sandbox_sync.workflows import expire, fill_lane
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)

SHARE = 4
"""A queue is filled again at once when a quarter of it is free; by and by when less is."""


def top_up(room: Room, *, reason: str, patiently: bool = True) -> int:
    """Accept work for every lane that needs it; how many do.

    ``patiently`` waits until a refill is worth an import of its own.
    """
    with room.reading() as session:
        needy = _needy(room, session, patiently=patiently)
    if not needy:
        return 0
    with room.transaction() as session:
        for lane_id in needy:
            room.accept_tending(session, lane_id, reason=reason)
    log.info("lanes.needy", count=len(needy))
    return len(needy)


def _needy(room: Room, session: Session, *, patiently: bool) -> list[int]:
    depth = room.settings.queue_depth
    enough = max(1, depth // SHARE) if patiently else 1
    lacking = needs.of_lanes(session, depth=depth)
    overdue = set() if patiently else needs.lanes_with_overdue(session, expire.times(room))
    needy = set(overdue)
    for lane in rows.lanes(session):
        lacks = lacking.get(lane.id, needs.Need())
        is_served = fill_lane.is_served(room, lane)
        changed = lane.sandbox_project_id is None or lane.applied != lane.wanted
        late = not patiently and is_served and lacks.unfinished > 0
        unheard = not patiently and lane.sandbox_project_id not in room.hooked
        if changed or late or unheard or (is_served and lacks.free >= enough):
            needy.add(lane.id)
    return sorted(needy)
