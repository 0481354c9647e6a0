"""The SQL of snapshots: stored once, never changed; another config makes another snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync import changes, cloning
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db.tables import GoldItem, PracticeItem, ProductionTask, SnapshotRow
from sandbox_sync.db.writing import insert_once


def store(session: Session, snapshot: Snapshot, *, now: datetime) -> None:
    """Keep the snapshot; nothing happens when it is kept already."""
    insert_once(
        session,
        SnapshotRow,
        digest=snapshot.digest,
        production_task_id=snapshot.production_task_id,
        kind=snapshot.kind,
        data=snapshot.data,
        data_digest=snapshot.data_digest,
        label_config=snapshot.label_config,
        guidelines=snapshot.guidelines,
        guideline_version=snapshot.guideline_version,
        suggestion=snapshot.suggestion,
        sources=list(snapshot.sources),
        taken_at=now,
    )


def thaw(row: SnapshotRow) -> Snapshot:
    """A row as the value it stores."""
    return Snapshot(
        production_task_id=row.production_task_id,
        kind=row.kind,
        data=row.data,
        label_config=row.label_config,
        guidelines=row.guidelines,
        suggestion=row.suggestion,
        own_digest=row.data_digest if row.data_digest != cloning.digest_of(row.data) else "",
        sources=tuple(row.sources),
    )


def in_step(
    session: Session, digests: Sequence[str], label_config: str, guidelines: str, *, now: datetime
) -> list[str]:
    """The same snapshots with the config and guidelines that a project shows now.

    Those whose data lacks a field that the config shows cannot be made in Label
    Studio and are left out.
    """
    needed = changes.read(label_config).fields
    as_now = (SnapshotRow.label_config == label_config) & (SnapshotRow.guidelines == guidelines)
    found = session.execute(
        sa.select(SnapshotRow.digest, SnapshotRow.data, as_now).where(
            SnapshotRow.digest.in_(list(digests))
        )
    )
    current = {digest: is_now for digest, data, is_now in found if needed <= data.keys()}
    return [
        digest if current[digest] else _restated(session, digest, label_config, guidelines, now=now)
        for digest in digests
        if digest in current
    ]


def _restated(
    session: Session, digest: str, label_config: str, guidelines: str, *, now: datetime
) -> str:
    """A settled key belongs to one snapshot, so gold keeps the one it has."""
    if is_gold(session, digest):
        return digest
    row = session.get_one(SnapshotRow, digest)
    following = with_config(thaw(row), label_config, guidelines)
    store(session, following, now=now)
    session.execute(
        sa.update(ProductionTask)
        .where(ProductionTask.snapshot == row.digest)
        .values(snapshot=following.digest)
    )
    return following.digest


def is_gold(session: Session, digest: str) -> bool:
    """Whether somebody settled what the right answer to this snapshot is."""
    return bool(session.scalar(sa.select(sa.exists().where(GoldItem.snapshot == digest))))


def is_retired_gold(session: Session, digest: str) -> bool:
    """Whether it was gold and is given to nobody any more."""
    found = sa.exists().where(GoldItem.snapshot == digest, GoldItem.retired_at.is_not(None))
    return bool(session.scalar(sa.select(found)))


def with_config(snapshot: Snapshot, label_config: str, guidelines: str) -> Snapshot:
    """The same task under another config; of its suggestion, what that can still show."""
    suggestion = snapshot.suggestion
    if suggestion is not None:
        regions = changes.fitting(suggestion["regions"], label_config)
        lost = len(regions) < len(suggestion["regions"])
        suggestion = None if lost and not regions else suggestion | {"regions": regions}
    return replace(
        snapshot, label_config=label_config, guidelines=guidelines, suggestion=suggestion
    )


def restate_item(session: Session, item_id: int, following: Snapshot, *, now: datetime) -> bool:
    """From now on the item is of this snapshot; False if its trainee has another item of it."""
    item = session.get_one(PracticeItem, item_id, with_for_update=True, populate_existing=True)
    twin = sa.exists().where(
        PracticeItem.snapshot == following.digest, PracticeItem.trainee_id == item.trainee_id
    )
    if session.scalar(sa.select(twin)):
        return False
    store(session, following, now=now)
    session.execute(
        sa.update(ProductionTask)
        .where(ProductionTask.snapshot == item.snapshot)
        .values(snapshot=following.digest)
    )
    item.snapshot = following.digest
    return True
