"""What production committed to, and who has to hear of it. Within the caller's transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from projects.kit.database import now as this_moment
from projects.vocabulary import Task
from sandbox_sync import cloning, comparing
from sandbox_sync.db import production
from sandbox_sync.db import references as rows
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.room import Room


def record(room: Room, session: Session, task: Task, kind: str) -> None:
    """Store production's answer to this task as it is now, and compare again what it changes."""
    moment = this_moment()
    committed = comparing.reference_of(task.annotations)
    project = production.project(session, task.project_id)
    scheme = room.scheme(kind, project.label_config if project is not None else "")
    changed = rows.save_reference(
        session,
        task.id,
        committed,
        answer=() if committed is None else scheme.read(committed.regions, task.data),
        data_digest=cloning.digest_of(task.data),
        now=moment,
    )
    if changed:
        compare_items(room, session, rows.lock_items(session, task.id), now=moment)
