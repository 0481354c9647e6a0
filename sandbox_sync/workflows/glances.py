"""A first look at the answers alone: Label Studio gives them in a third of a task's time.

A glance says only what is certain without the task. What it does not see, or
cannot be sure of, the look after it does, which always comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projects.vocabulary import Annotation, Task
from sandbox_sync import cloning
from sandbox_sync.db import practice as items
from sandbox_sync.db import production as rows
from sandbox_sync.db.tables import ProductionTask
from sandbox_sync.workflows import references, submissions
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.room import Room


def at_sandbox(room: Room, task_id: int) -> None:
    """Count a trainee's first answer."""
    with room.reading() as session:
        waits = items.is_unanswered(session, task_id)
    if not waits:
        return
    with apart("glance", task=task_id):
        answers = room.sandbox.submitted(task_id)
        with room.transaction() as session:
            submissions.record_first(room, session, task_id, answers)


def at_production(room: Room, task_id: int, said: Mapping[str, Any]) -> None:
    """Take production's answers over, if the task still says what we know of it.

    ``said`` is what the event told of the moment it tells of: the digest of the task's
    data and the moment of the answer. It is believed in one thing, that there is
    something to see: an answer that is newer, or to another text, waits for the look.
    """
    with room.reading() as session:
        row = rows.task(session, task_id)
        if row is None or not _is_as_told(row, said):
            return
        snapshot = items.snapshot(session, row.snapshot)
    kind = room.followed.get(row.project_id)
    if kind is None or snapshot.own_digest:
        return  # production's own data is not kept where references stand in it
    with apart("glance", task=task_id):
        answers = room.production.submitted(task_id)
        if not _are_as_told(answers, said):
            return
        task = _task(row, snapshot, answers)
        with room.transaction() as session:
            if rows.begin_look(session, task_id, updated_at=task.updated_at):
                held = rows.task(session, task_id)
                if held is not None and _is_as_told(held, said):
                    references.record(room, session, task, kind)


def _is_as_told(row: ProductionTask, said: Mapping[str, Any]) -> bool:
    return row.deleted_at is None and row.data_digest == said.get("data")


def _are_as_told(answers: Sequence[Annotation], said: Mapping[str, Any]) -> bool:
    """Nothing has been answered since."""
    newest = max((answer.updated_at for answer in answers), default=None)
    return newest is not None and newest.isoformat() == said.get("moment")


def _task(row: ProductionTask, snapshot: cloning.Snapshot, answers: Sequence[Annotation]) -> Task:
    """The task as far as its answers are read by it."""
    first, newest = (pick(answer.updated_at for answer in answers) for pick in (min, max))
    return Task(
        id=row.id,
        project_id=answers[0].project_id,
        data=snapshot.data,
        meta={},
        created_at=first,
        updated_at=newest,
        is_labeled=True,
        annotations=tuple(answers),
    )
