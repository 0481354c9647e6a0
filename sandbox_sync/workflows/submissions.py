"""What a trainee has answered: which answer counts, and that it is compared. Transactional."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.vocabulary import Annotation, Task
from sandbox_sync import comparing
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db import hours, outcomes
from sandbox_sync.db import practice as rows
from sandbox_sync.db import submissions as submission_rows
from sandbox_sync.db.tables import PracticeItem, Submission
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


def record_task(room: Room, session: Session, task: Task) -> None:
    """Bring the item that this sandbox task is up to date with what its trainee has answered.

    The first answer counts and stays, also when it is changed or deleted later; a look
    that comes late may still tell of it. Where the policy says so, the newest counts
    instead: then a look that comes late says nothing, as it does of skipping.
    """
    found = rows.item_of_task(session, task.id)
    if found is None or found[1] != task.project_id:
        return
    item = found[0]
    hours.record(session, item, task.annotations, idle_seconds=room.settings.idle_seconds)
    is_late = item.looked_at is not None and task.updated_at < item.looked_at
    snapshot = rows.snapshot(session, item.snapshot)
    scheme = room.scheme(snapshot.kind, snapshot.label_config)
    stored = submission_rows.submission(session, item.id)
    if scheme.policy.first_submission_counts:
        chosen = comparing.first_submission(task.annotations, item.trainee_id)
        chosen = chosen if stored is None else None
    elif is_late:
        return
    else:
        chosen = _newest(session, task, item, stored)
    if chosen is not None:
        _count(room, session, item, snapshot, chosen)
    if not is_late:
        item.looked_at = task.updated_at
        if submission_rows.submission(session, item.id) is None:
            _set_skipped(item, task, now=this_moment())


def _count(
    room: Room, session: Session, item: PracticeItem, snapshot: Snapshot, chosen: Annotation
) -> None:
    """From now on this answer counts."""
    scheme = room.scheme(snapshot.kind, snapshot.label_config)
    answer = scheme.read(chosen.regions, snapshot.data)
    if submission_rows.save(session, item, chosen, answer=answer, now=this_moment()):
        log.info("submission.stored", item=item.id, kind=snapshot.kind)
    compare_items(room, session, [item.id], now=this_moment())


def _newest(
    session: Session, task: Task, item: PracticeItem, stored: Submission | None
) -> Annotation | None:
    """The newest answer, if it is not the stored one; one that is gone is taken back.

    An answer that somebody else has touched is neither new nor gone.
    """
    newest = comparing.newest_submission(task.annotations, item.trainee_id)
    if stored is None:
        return newest
    there = {int(a.id): a for a in task.annotations if not a.was_cancelled}
    counted = there.get(stored.annotation_id)
    if counted is not None and comparing.newest_submission([counted], item.trainee_id) is None:
        return None
    if newest is None:
        submission_rows.take_back(session, stored)
        outcomes.withdraw(session, item.id, now=this_moment())
        log.info("submission.taken_back", item=item.id)
        return None
    is_known = (newest.id, newest.updated_at) == (stored.annotation_id, stored.candidate_at)
    return None if is_known else newest


def _set_skipped(item: PracticeItem, task: Task, *, now: datetime) -> None:
    if comparing.has_skipped(task.annotations, item.trainee_id):
        item.skipped_at = item.skipped_at or now
    else:
        item.skipped_at = None
