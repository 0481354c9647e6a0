"""What production committed to, and who has to hear of it. Within the caller's transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.policy import policy_to_json
from projects.scheme import Scheme
from projects.vocabulary import Annotation, Answer, Task
from sandbox_sync import cloning, deriving
from sandbox_sync.db import gold, production
from sandbox_sync.db import practice as lanes
from sandbox_sync.db import references as rows
from sandbox_sync.deriving import Committed
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.room import Room

CHUNK = 50
"""Tasks per transaction: SQLite has one writer."""
SAME = 1 - 1e-9
"""An agreement of all, but for what arithmetic leaves."""

log = logs.get(__name__)


def record(room: Room, session: Session, task: Task, kind: str) -> None:
    """Store every answer to this task as it is now, and compare again what that changes."""
    project = production.project(session, task.project_id)
    scheme = room.scheme(kind, project.label_config if project is not None else "")
    digest = cloning.digest_of(task.data)
    known = {one.annotation_id: one for one in rows.answers(session, [task.id])[task.id]}
    given = [
        _committed(annotation, known.get(annotation.id), scheme, task)
        for annotation in task.annotations
        if not annotation.was_cancelled
    ]
    rows.save_answers(session, task.id, given)
    chosen = _derive(scheme, given, digest)
    moment = this_moment()
    if rows.save_reference(session, task.id, chosen, now=moment):
        compare_items(room, session, rows.lock_items(session, task.id), now=moment)


def _committed(
    annotation: Annotation, known: Committed | None, scheme: Scheme, task: Task
) -> Committed:
    """An answer that did not change is still one to the text that it was given for."""
    reviewed = deriving.is_reviewed(annotation)
    if known is not None and known.committed_at == annotation.updated_at:
        digest, answer = known.data_digest, known.answer
    else:
        digest = cloning.digest_of(task.data)
        answer = scheme.read(annotation.regions, task.data)
    return Committed(
        annotation_id=annotation.id,
        worker_id=annotation.completed_by,
        answer=answer,
        regions=annotation.regions,
        data_digest=digest,
        is_reviewed=reviewed,
        committed_at=annotation.updated_at,
    )


def _derive(scheme: Scheme, given: list[Committed], digest: str) -> Committed | None:
    return deriving.derive(
        given, scheme.policy.reference, data_digest=digest, same=says_the_same(scheme)
    )


def says_the_same(scheme: Scheme) -> deriving.Same:
    """Two answers are equal when they agree wholly: nothing missed, spurious, moved or renamed.

    Of spans that means the same labels on the same characters, to the last one.
    """

    def same(one: Answer, other: Answer) -> bool:
        if one == other:
            return True
        agreement = scheme.compare(one, other).agreement
        return agreement is None or agreement >= SAME

    return same


def follow_policies(room: Room) -> None:
    """Derive and compare again where a project's policy is another than it was."""
    with room.transaction() as session:
        projects = [
            (project.id, project.derived_with, room.scheme(project.kind, project.label_config))
            for project in production.projects(session)
            if project.id in room.followed
        ]
    for project_id, derived_with, scheme in projects:
        now_is = cloning.digest_of(policy_to_json(scheme.policy))
        if now_is != derived_with:
            with apart("policy", project=project_id):
                _derive_again(room, project_id, scheme)
                with room.transaction() as session:
                    production.set_derived_with(session, project_id, now_is)
                    lanes.look_again(session, project_id)
                log.info("policy.followed", project=project_id)


def _derive_again(room: Room, project_id: int, scheme: Scheme) -> None:
    """Every task with answers, and every item of gold; in both the metric may be another."""
    last: int | None = 0
    while last is not None:
        with room.transaction() as session:
            last = _derive_some(room, session, project_id, scheme, after=last)
    with room.transaction() as session:
        items = rows.lock(session, gold.is_of_project(project_id))
        compare_items(room, session, items, now=this_moment())


def _derive_some(
    room: Room, session: Session, project_id: int, scheme: Scheme, *, after: int
) -> int | None:
    moment = this_moment()
    tasks = list(rows.answered_tasks(session, project_id, after=after, limit=CHUNK))
    answers = rows.answers(session, [task.id for task in tasks])
    for task in tasks:
        chosen = _derive(scheme, answers[task.id], task.data_digest)
        rows.save_reference(session, task.id, chosen, now=moment)
        compare_items(room, session, rows.lock_items(session, task.id), now=moment)
    return tasks[-1].id if tasks else None
