"""The SQL of what the references in production's tasks stood for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Json
from sandbox_sync.db.tables import FrozenData
from sandbox_sync.db.writing import insert_once


@dataclass(frozen=True)
class Frozen:
    """A task's data with its references resolved, or the tries so far to do that."""

    data_digest: str
    data: Json | None
    """``None`` while something cannot be resolved."""
    sources: tuple[Json, ...]
    begun_at: datetime
    attempts: int
    retry_at: datetime | None


@dataclass(frozen=True)
class Trouble:
    """One reference that could not be resolved, for the page."""

    production_task_id: int
    field: str
    provider: str
    trouble: str
    waits: bool
    attempts: int
    frozen_at: datetime | None


def of_tasks(session: Session, task_ids: Iterable[int]) -> dict[int, Frozen]:
    """What is known about these tasks."""
    found = sa.select(FrozenData).where(FrozenData.production_task_id.in_(list(task_ids)))
    return {
        row.production_task_id: Frozen(
            row.data_digest,
            row.data,
            tuple(row.sources),
            row.begun_at,
            row.attempts,
            row.retry_at,
        )
        for row in session.scalars(found)
    }


def save(session: Session, task_id: int, frozen: Frozen, *, now: datetime) -> Frozen:
    """Store a try; what was frozen before from the same data stays. What holds afterwards."""
    is_new = insert_once(
        session,
        FrozenData,
        production_task_id=task_id,
        data_digest=frozen.data_digest,
        data=frozen.data,
        sources=list(frozen.sources),
        begun_at=frozen.begun_at,
        attempts=frozen.attempts,
        retry_at=frozen.retry_at,
        missing=_missing(frozen),
        frozen_at=None if frozen.data is None else now,
    )
    row = session.get_one(FrozenData, task_id, with_for_update=True, populate_existing=True)
    if not is_new and (row.data is None or row.data_digest != frozen.data_digest):
        row.data_digest, row.data = frozen.data_digest, frozen.data
        row.sources, row.begun_at = list(frozen.sources), frozen.begun_at
        row.attempts, row.retry_at = frozen.attempts, frozen.retry_at
        row.missing = _missing(frozen)
        row.frozen_at = None if frozen.data is None else now
    return of_tasks(session, [task_id])[task_id]


def due(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Tasks whose next try has come."""
    found = (
        sa.select(FrozenData.production_task_id)
        .where(FrozenData.retry_at <= now)
        .order_by(FrozenData.retry_at)
        .limit(limit)
    )
    return list(session.scalars(found))


def forget(session: Session, task_id: int) -> None:
    """The task is gone: nothing more is tried for it."""
    session.execute(
        sa.update(FrozenData).where(FrozenData.production_task_id == task_id).values(retry_at=None)
    )


def counts(session: Session) -> tuple[int, int]:
    """How many tasks wait for their context, and how many were frozen without some of it."""
    waiting = sa.select(sa.func.count()).where(FrozenData.retry_at.is_not(None))
    marked = sa.select(sa.func.count()).where(FrozenData.missing > 0)
    return session.scalar(waiting) or 0, session.scalar(marked) or 0


def troubles(session: Session, *, limit: int = 100) -> list[Trouble]:
    """What could not be resolved, the newest first."""
    rows = session.scalars(
        sa.select(FrozenData)
        .where(FrozenData.retry_at.is_not(None) | (FrozenData.missing > 0))
        .order_by(FrozenData.begun_at.desc())
        .limit(limit)
    )
    return [
        Trouble(
            row.production_task_id,
            source["field"],
            source["provider"],
            source["trouble"],
            row.data is None,
            row.attempts,
            row.frozen_at,
        )
        for row in rows
        for source in row.sources
        if source.get("trouble")
    ]


def _missing(frozen: Frozen) -> int:
    """The marks in what was frozen; nothing is missing yet while the task waits."""
    troubles = [source for source in frozen.sources if source.get("trouble")]
    return 0 if frozen.data is None else len(troubles)
