"""Keys of gold: set, repaired, loaded, promoted, retired; everyone concerned is compared again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from projects.kit import logs
from projects.kit.database import now as this_moment
from projects.kit.errors import BadInput
from projects.scheme import Scheme
from sandbox_sync import cloning, gold
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db import gold as rows
from sandbox_sync.db import production, references, snapshots, voices
from sandbox_sync.db.gold import Given, NewKey
from sandbox_sync.db.tables import ProductionProject, SnapshotRow
from sandbox_sync.gold_file import GoldRow
from sandbox_sync.workflows.apart import apart
from sandbox_sync.workflows.compare_annotation import compare_items
from sandbox_sync.workflows.references import says_the_same
from sandbox_sync.workflows.room import Room

log = logs.get(__name__)


@dataclass(frozen=True)
class Loaded:
    """What loading a file did."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0


def set_key(
    room: Room, session: Session, snapshot: SnapshotRow, new: NewKey, *, project_id: int
) -> int:
    """Make this the key of a snapshot, and compare again everyone who answered it."""
    scheme = room.scheme(snapshot.kind, snapshot.label_config)
    new = replace(new, answers=[_complete(scheme, snapshot, given) for given in new.answers])
    moment = this_moment()
    gold_id, is_changed = rows.set_key(session, snapshot, new, project_id=project_id, now=moment)
    if is_changed:
        _compare(room, session, snapshot.digest)
        log.info("gold.key_set", gold=gold_id, origin=new.origin, answers=len(new.answers))
    return gold_id


def _complete(scheme: Scheme, snapshot: SnapshotRow, given: Given) -> Given:
    """With regions, also for an answer whose own were never kept."""
    if given.regions or not given.answer or scheme.kind is None:
        return given
    return Given(given.answer, tuple(scheme.kind.write(given.answer, snapshot.data)))


def retire(room: Room, gold_id: int, *, why: str, counts: bool) -> None:
    """Give the item to nobody any more.

    What was compared with its key stays and counts; where the key was wrong it does
    neither, and production's answer takes its place if there is one.
    """
    with room.transaction() as session:
        key = rows.key(session, gold_id)
        if key is not None and rows.retire(
            session, gold_id, why=why, counts=counts, now=this_moment()
        ):
            _compare(room, session, key.snapshot)
            log.info("gold.retired", gold=gold_id, counts=counts)


def bring_back(room: Room, gold_id: int) -> None:
    """Give the item out again."""
    with room.transaction() as session:
        key = rows.key(session, gold_id)
        if key is not None and rows.bring_back(session, gold_id):
            _compare(room, session, key.snapshot)
            log.info("gold.brought_back", gold=gold_id)


def _compare(room: Room, session: Session, digest: str) -> None:
    items = references.lock(session, rows.is_of_snapshot(digest))
    compare_items(room, session, items, now=this_moment())


def load(room: Room, project_id: int, file: Sequence[GoldRow], *, by: str) -> Loaded:
    """Store the rows of a file, all or none; safe to repeat.

    A row with other answers makes a new state of its key; one that asks something else
    retires the old item and makes a new one.
    """
    done = {"created": 0, "changed": 0, "unchanged": 0}
    with room.transaction() as session:
        project = production.project(session, project_id)
        if project is None:
            raise BadInput("no such production project is followed", f"project {project_id}")
        names = {_source(project_id, row): row for row in file}
        known = rows.by_source(session, list(names))
        for name, row in names.items():
            done[_load_row(room, session, project, name, row, known.get(name), by)] += 1
    log.info("gold.loaded", project=project_id, **done)
    return Loaded(**done)


def _source(project_id: int, row: GoldRow) -> str:
    return f"{project_id}:{row.name}"


def _load_row(
    room: Room,
    session: Session,
    project: ProductionProject,
    name: str,
    row: GoldRow,
    known: rows.Key | None,
    by: str,
) -> str:
    new = NewKey(
        origin=rows.FILE,
        answers=[Given(a, r) for a, r in zip(row.answers, row.regions, strict=True)],
        made_by=by,
        why="loaded from a file",
        in_queue=True,
        source_key=name,
    )
    if known is not None:
        before = rows.row_of(session, known.snapshot)
        if before is not None and before.data_digest == cloning.digest_of(row.data):
            before = _suggested(session, before, row, known.gold_id)
            set_key(room, session, before, new, project_id=project.id)
            is_same = rows.key(session, known.gold_id) == known
            return "unchanged" if is_same else "changed"
        rows.rename(
            session, known.gold_id, why="its file asks something else now", now=this_moment()
        )
    snapshot = Snapshot(
        production_task_id=task_number(name),
        kind=project.kind,
        data=row.data,
        label_config=project.label_config,
        guidelines=project.guidelines,
        suggestion=row.suggestion,
    )
    set_key(room, session, _stored(session, snapshot), new, project_id=project.id)
    return "created" if known is None else "changed"


def _stored(session: Session, snapshot: Snapshot) -> SnapshotRow:
    snapshots.store(session, snapshot, now=this_moment())
    found = rows.row_of(session, snapshot.digest)
    if found is None:
        raise LookupError(snapshot.digest)
    return found


def _suggested(session: Session, before: SnapshotRow, row: GoldRow, gold_id: int) -> SnapshotRow:
    """The snapshot with a suggestion, where it had none and nobody has been given it.

    Gold that was loaded before a model was there would look like no other item for good.
    """
    if before.suggestion is not None or row.suggestion is None:
        return before
    if not rows.is_given_to_nobody(session, before.digest):
        return before
    snapshot = Snapshot(
        production_task_id=before.production_task_id,
        kind=before.kind,
        data=before.data,
        label_config=before.label_config,
        guidelines=before.guidelines,
        suggestion=row.suggestion,
    )
    found = _stored(session, snapshot)
    rows.give_another_snapshot(session, gold_id, found.digest)
    return found


def task_number(name: str) -> int:
    """A task number below nought for gold that is no production task; the same each time."""
    return -1 - int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % (2**31 - 2)


def promote(room: Room) -> None:
    """Make gold of what enough good workers agree on, in every project that is followed."""
    if not room.settings.gold_agreeing_workers:
        return
    with room.reading() as session:
        projects = [p for p in production.projects(session) if p.id in room.followed]
    for project in projects:
        with apart("gold", project=project.id):
            _promote(room, project)


def _promote(room: Room, project: ProductionProject) -> None:
    with room.reading() as session:
        task_ids = voices.answered_twice(session, project.id)
        if not task_ids:
            return
        answers = references.answers(session, task_ids)
        said = voices.said_of_workers(session)
        without = voices.without_key(session, task_ids)
    same = says_the_same(room.scheme(project.kind, project.label_config))
    least, above = room.settings.gold_agreeing_workers, room.settings.good_agreement
    good = gold.good_workers(answers.values(), said, same=same, above=above)
    for task_id, digest in without.items():
        with room.transaction() as session:
            snapshot = rows.row_of(session, digest)
            if snapshot is None:
                continue
            fitting = [a for a in answers[task_id] if a.data_digest == snapshot.data_digest]
            chosen = gold.promoted(fitting, good, least=least, same=same)
            if chosen is None:
                continue
            new = NewKey(
                origin=rows.WORKERS,
                answers=[Given(chosen.answer, chosen.regions)],
                made_by="production",
                why=f"{least} or more good workers agree on it",
                in_queue=True,
            )
            set_key(room, session, snapshot, new, project_id=project.id)
