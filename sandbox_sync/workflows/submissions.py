"""What a trainee has answered: which answer counts, and that it is compared. Transactional."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import Task
from sandbox_sync import comparing
from sandbox_sync.db import hours
from sandbox_sync.db import practice as rows
from sandbox_sync.db import submissions as submission_rows
from sandbox_sync.db.tables import PracticeItem
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def record_task(room: Room, session: Session, task: Task) -> None:
    """Bring the item that this sandbox task is up to date with what its trainee has answered."""
    found = rows.item_of_task(session, task.id)
    if found is None or found[1] != task.project_id:
        return
    item = found[0]
    hours.record(session, item, task.annotations, idle_seconds=room.settings.idle_seconds)
    first = comparing.first_submission(task.annotations, item.trainee_id)
    moment = this_moment()
    if first is None:
        _set_skipped(item, task, now=moment)
        return
    snapshot = rows.snapshot(session, item.snapshot)
    scheme = room.scheme(snapshot.kind, snapshot.label_config)
    answer = scheme.read(first.regions, snapshot.data)
    if submission_rows.save_submission(session, item, first, answer=answer, now=moment):
        log.info("submission.stored", item=item.id, kind=snapshot.kind)
        compare_items(room, session, [item.id], now=moment)


def _set_skipped(item: PracticeItem, task: Task, *, now: datetime) -> None:
    if comparing.has_skipped(task.annotations, item.trainee_id):
        item.skipped_at = item.skipped_at or now
    else:
        item.skipped_at = None
