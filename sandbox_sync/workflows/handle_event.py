"""Look at what one event hints at. The event is believed in nothing else."""

from __future__ import annotations

from projects.kit import engine, logs
from projects.kit.batches import batched
from projects.kit.database import now as this_moment
from sandbox_sync.db import events
from sandbox_sync.db import practice as items
from sandbox_sync.db import submissions as submission_rows
from sandbox_sync.db.events import PROJECT_UPDATED
from sandbox_sync.db.tables import Event
from sandbox_sync.workflows import answers, practice, production
from sandbox_sync.workflows.room import Room, current
from sandbox_sync.workflows.top_up import top_up

MOST_UNKNOWN = 20
TOGETHER = 20

log = logs.get(__name__)


@engine.workflow(name="handle_event")
def handle_event(key: str) -> None:
    """One event, in one step: everything in it looks first and may run again.

    One that failed for good is due again soon, not when its time is over.
    """
    try:
        _step(key)
    except Exception:
        _due_soon(key)
        raise


@engine.step(name="look")
def _step(key: str) -> None:
    handle(current(), key)


@engine.step(name="due soon")
def _due_soon(key: str) -> None:
    with current().transaction() as session:
        events.make_due_soon(session, key, now=this_moment())


def handle_at_once(room: Room, key: str) -> None:
    """The same, by a hand of this process; what fails goes to the queue, which is patient."""
    try:
        handle(room, key)
    except Exception as error:  # noqa: BLE001 - whatever it was, the queue tries again
        log.warning("event.to_the_queue", error=type(error).__name__)
        with room.transaction() as session:
            event = events.get(session, key)
            if event is not None and event.handled_at is None:
                room.accept_event(session, event)


def handle(room: Room, key: str) -> None:
    """Read again what the event was about, store what changed, and mark the event."""
    with room.reading() as session:
        event = events.get(session, key)
    if event is None or event.handled_at is not None:
        return
    begun = this_moment()
    if event.action == events.ANSWERED:
        answers.look(room, event)
        return
    if event.source == "production":
        _look_at_production(room, event.action, event.hint)
    else:
        _look_at_sandbox(room, event)
    with room.transaction() as session:
        events.mark_handled(session, key, now=this_moment())
        if event.action == PROJECT_UPDATED:
            events.mark_same_look(session, event, begun=begun, now=this_moment())
    top_up(room, reason=f"event:{key}")


def _look_at_production(room: Room, action: str, hint: dict[str, object]) -> None:
    if action == PROJECT_UPDATED:
        for project_id in _numbers(hint, "projects"):
            production.look_at_batch(room, project_id)
        return
    if events.is_large(action, hint):
        followed = room.followed
        named = [number for number in _numbers(hint, "projects") if number in followed]
        for project_id in named or followed:
            production.look_at_project(room, project_id, thoroughly=action == "TASKS_DELETED")
        return
    production.look_at_annotations(room, _numbers(hint, "annotations"))
    production.look_at_tasks(room, _numbers(hint, "tasks"))


def _look_at_sandbox(room: Room, event: Event) -> None:
    """Items of ours, and a few that may be second copies of one: anybody can send any ids."""
    if event.action == PROJECT_UPDATED:
        return
    named = _numbers(event.hint, "tasks")
    with room.reading() as session:
        deleted = _numbers(event.hint, "annotations") if not named else []
        named += sorted(submission_rows.tasks_of_annotations(session, deleted))
        ours = items.owners(session, named)
    unknown = [number for number in named if number not in ours][:MOST_UNKNOWN]
    for number, task_ids in enumerate(batched([*ours, *unknown], TOGETHER)):
        if number:
            with room.transaction() as session:
                events.still_at_work(session, event, now=this_moment())
        practice.look_at_tasks(room, task_ids)


def _numbers(hint: dict[str, object], name: str) -> list[int]:
    found = hint.get(name)
    return [int(number) for number in found] if isinstance(found, list) else []
