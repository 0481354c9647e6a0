"""The SQL of gold keys: their items, their states, and which items they are the key of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Answer, Json, answer_from_json, answer_to_json
from sandbox_sync.db.tables import (
    Comparison,
    GoldItem,
    GoldRevision,
    LaneRow,
    PracticeItem,
    ProductionTask,
    SnapshotRow,
)

SOURCE = "gold"
"""What a comparison with a gold key says of its reference."""
FILE, WORKERS, TRAINER, APPEAL = "file", "workers", "trainer", "appeal"


@dataclass(frozen=True)
class Key:
    """Every acceptable answer to a snapshot, as it is now."""

    gold_id: int
    project_id: int
    kind: str
    snapshot: str
    origin: str
    revision: int
    answers: tuple[Answer, ...]
    regions: tuple[tuple[Json, ...], ...]
    """The same as Label Studio's regions."""
    made_by: str
    why: str
    made_at: datetime
    in_queue: bool
    retired_at: datetime | None
    retired_why: str
    counts: bool


@dataclass(frozen=True)
class Given:
    """An acceptable answer, and the regions it was read from."""

    answer: Answer
    regions: tuple[Json, ...]


_KEYS = sa.select(GoldItem, GoldRevision).join(
    GoldRevision,
    (GoldRevision.gold_id == GoldItem.id) & (GoldRevision.revision == GoldItem.revision),
)


def key_of_item(session: Session, item: PracticeItem) -> Key | None:
    """The key that a practice item is compared with, if one goes before production's answer.

    A retired one only where it was compared with it already, and still counts.
    """
    found = key_of_snapshot(session, item.snapshot)
    if found is None or found.retired_at is None:
        return found
    used = sa.exists().where(Comparison.item_id == item.id, Comparison.reference_source == SOURCE)
    return found if found.counts and session.scalar(sa.select(used)) else None


def key_of_snapshot(session: Session, digest: str) -> Key | None:
    """The key of a snapshot, also a retired one."""
    row = session.execute(_KEYS.where(GoldItem.snapshot == digest)).one_or_none()
    return None if row is None else _key(*row)


def key(session: Session, gold_id: int) -> Key | None:
    """One key."""
    row = session.execute(_KEYS.where(GoldItem.id == gold_id)).one_or_none()
    return None if row is None else _key(*row)


def keys(session: Session, *, project_id: int | None = None) -> list[Key]:
    """Every key, or those of one project, the newest first."""
    found = _KEYS.order_by(GoldItem.id.desc())
    if project_id is not None:
        found = found.where(GoldItem.production_project_id == project_id)
    return [_key(*row) for row in session.execute(found)]


def by_source(session: Session, names: Collection[str]) -> dict[str, Key]:
    """The keys that a file gave these names to, by name."""
    found = session.execute(_KEYS.where(GoldItem.source_key.in_(names)))
    return {str(row.source_key): _key(row, revision) for row, revision in found}


def _key(row: GoldItem, revision: GoldRevision) -> Key:
    return Key(
        gold_id=row.id,
        project_id=row.production_project_id,
        kind=row.kind,
        snapshot=row.snapshot,
        origin=row.origin,
        revision=row.revision,
        answers=tuple(answer_from_json(answer) for answer in revision.answers),
        regions=tuple(tuple(regions) for regions in revision.regions),
        made_by=revision.made_by,
        why=revision.why,
        made_at=revision.made_at,
        in_queue=row.in_queue,
        retired_at=row.retired_at,
        retired_why=row.retired_why,
        counts=row.counts,
    )


@dataclass(frozen=True)
class NewKey:
    """What a key is to be from now on, who says so and why."""

    origin: str
    answers: Sequence[Given]
    made_by: str
    why: str
    in_queue: bool
    source_key: str | None = None


def set_key(
    session: Session, snapshot: SnapshotRow, new: NewKey, *, project_id: int, now: datetime
) -> tuple[int, bool]:
    """Make this the key of a snapshot; its gold item, and whether that changed anything.

    The item keeps its origin and its place in the queues, unless the new key asks for
    one; a retired item stays retired.
    """
    row = session.scalar(
        sa.select(GoldItem).where(GoldItem.snapshot == snapshot.digest).with_for_update()
    )
    if row is None:
        row = GoldItem(
            production_project_id=project_id,
            kind=snapshot.kind,
            snapshot=snapshot.digest,
            origin=new.origin,
            source_key=new.source_key,
            in_queue=new.in_queue,
            revision=0,
            made_at=now,
            changed_at=now,
        )
        session.add(row)
        session.flush()
    row.in_queue = row.in_queue or new.in_queue
    answers = [answer_to_json(given.answer) for given in new.answers]
    if row.revision and _newest(session, row).answers == answers:
        return row.id, False
    row.revision += 1
    row.changed_at = now
    session.add(
        GoldRevision(
            gold_id=row.id,
            revision=row.revision,
            answers=answers,
            regions=[list(given.regions) for given in new.answers],
            made_by=new.made_by,
            why=new.why,
            made_at=now,
        )
    )
    session.flush()
    return row.id, True


def _newest(session: Session, row: GoldItem) -> GoldRevision:
    found = sa.select(GoldRevision).where(
        GoldRevision.gold_id == row.id, GoldRevision.revision == row.revision
    )
    return session.scalars(found).one()


def revisions(session: Session, gold_id: int) -> list[GoldRevision]:
    """Every state of a key, the newest first."""
    found = sa.select(GoldRevision).where(GoldRevision.gold_id == gold_id)
    return list(session.scalars(found.order_by(GoldRevision.revision.desc())))


def retire(session: Session, gold_id: int, *, why: str, counts: bool, now: datetime) -> bool:
    """Give the item to nobody from now on; False if it was retired already."""
    row = session.get_one(GoldItem, gold_id, with_for_update=True, populate_existing=True)
    if row.retired_at is not None:
        return False
    row.retired_at, row.retired_why, row.counts = now, why, counts
    session.flush()
    return True


def set_in_queue(session: Session, digest: str, *, in_queue: bool) -> None:
    """Whether the item of a snapshot is mixed into queues."""
    session.execute(
        sa.update(GoldItem).where(GoldItem.snapshot == digest).values(in_queue=in_queue)
    )


def rename(session: Session, gold_id: int, *, why: str, now: datetime) -> None:
    """Retire an item, and let another have the name that a file gave it."""
    retire(session, gold_id, why=why, counts=True, now=now)
    session.get_one(GoldItem, gold_id).source_key = None
    session.flush()


def is_given_to_nobody(session: Session, digest: str) -> bool:
    """Whether no queue has an item of this snapshot; none gets one until the transaction ends."""
    session.execute(sa.select(LaneRow.id).order_by(LaneRow.id).with_for_update())
    return not session.scalar(sa.select(sa.exists().where(PracticeItem.snapshot == digest)))


def give_another_snapshot(session: Session, gold_id: int, digest: str) -> None:
    """Let the item be of another snapshot of the same task."""
    session.get_one(GoldItem, gold_id).snapshot = digest
    session.flush()


def bring_back(session: Session, gold_id: int) -> bool:
    """Give the item out again; False if it was not retired."""
    row = session.get_one(GoldItem, gold_id, with_for_update=True, populate_existing=True)
    was_retired = row.retired_at is not None
    row.retired_at, row.retired_why, row.counts = None, "", True
    session.flush()
    return was_retired


def is_of_snapshot(digest: str) -> sa.ColumnElement[bool]:
    """Practice items of a snapshot."""
    return PracticeItem.snapshot == digest


def is_of_project(project_id: int) -> sa.ColumnElement[bool]:
    """Practice items whose snapshot has a key."""
    mine = sa.select(GoldItem.snapshot).where(GoldItem.production_project_id == project_id)
    return PracticeItem.snapshot.in_(mine)


def row_of(session: Session, digest: str) -> SnapshotRow | None:
    """A snapshot as it is stored."""
    return session.get(SnapshotRow, digest)


def project_of(session: Session, snapshot: SnapshotRow) -> int | None:
    """The production project that a snapshot belongs to."""
    of_task = sa.select(ProductionTask.project_id).where(
        ProductionTask.id == snapshot.production_task_id
    )
    of_gold = sa.select(GoldItem.production_project_id).where(GoldItem.snapshot == snapshot.digest)
    return session.scalar(of_task) or session.scalar(of_gold)
