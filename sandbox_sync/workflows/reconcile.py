"""Find what no event told us, and have done what was left undone. Not durable: it looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import PlatformError
from sandbox_sync.db import events, outcomes
from sandbox_sync.workflows import generation, keys, practice, production, references
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.reveal import reveal_due
from sandbox_sync.workflows.room import Room
from sandbox_sync.workflows.top_up import top_up

THOROUGH_EVERY = 30
"""Every so many passes, deleted tasks are looked for by their absence."""
KEEP_EVENTS = timedelta(days=30)
LIMIT = 500

log = logs.get(__name__)


class Reconciler:
    """One pass after the other; counts them."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._passes = 0

    def __call__(self) -> None:
        """One pass over everything; a part that fails does not stop the others."""
        thoroughly = self._passes % THOROUGH_EVERY == 0
        self._passes += 1
        for part in self._parts(thoroughly=thoroughly):
            try:
                part()
            except PlatformError as error:
                log.warning("reconcile.part_failed", error=type(error).__name__, why=str(error))
            except Exception as error:  # noqa: BLE001  (what one part met must not stop the rest)
                log.warning("reconcile.part_failed", error=type(error).__name__)

    def _parts(self, *, thoroughly: bool) -> list[Callable[[], object]]:
        room = self._room
        return [
            room.refresh,
            lambda: production.look_at_projects(room, thoroughly=thoroughly),
            lambda: production.look_again(room),
            lambda: references.follow_policies(room),
            lambda: keys.promote(room) if thoroughly else None,
            lambda: practice.find_trainees(room),
            lambda: practice.look_at_lanes(room, thoroughly=thoroughly),
            lambda: generation.look_at_retired(room, thoroughly=thoroughly),
            lambda: compare_forgotten(room),
            lambda: reveal_due(room),
            lambda: redrive(room),
            lambda: top_up(room, reason=f"reconcile:{uuid4().hex}", patiently=False),
        ]


def compare_forgotten(room: Room) -> None:
    """Compare items that have both answers and no comparison."""
    with room.transaction() as session:
        items = outcomes.uncompared(session, limit=LIMIT)
        compare_items(room, session, items, now=this_moment())


def redrive(room: Room) -> None:
    """Accept again, under a new key, what was accepted and never finished."""
    moment = this_moment()
    with room.transaction() as session:
        for event in events.take_stale(session, now=moment, limit=LIMIT):
            room.accept_event(session, event)
        events.forget(session, before=moment - KEEP_EVENTS)
    room.deliver_due(now=moment)


def begin_again(room: Room) -> None:
    """What this process had begun when it died is due at once."""
    with room.transaction() as session:
        events.make_due(session, now=this_moment())
