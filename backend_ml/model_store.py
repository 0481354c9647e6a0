"""Versions of models: immutable folders, a table that says which one serves."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import learners
from backend_ml.learners.base import Learner, LearnerFile
from backend_ml.tables import VersionRow
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.intervals import Estimate

CHAMPION = "champion"
RETIRED = "retired"
REJECTED = "rejected"
KEEP = 5
"""The folders of so many newest versions are kept, whether they serve or not."""


@dataclass(frozen=True)
class Facts:
    """What is recorded about a training."""

    cause: str
    learner: str
    """The file of ``learners`` that learned it."""
    labels: int
    """All that were known, the held-out ones included."""
    trained_on: int
    held_out: Estimate | None
    seconds: float
    first_change_at: datetime | None
    """When the oldest label that it learned anew was accepted."""
    last_change_at: datetime | None


class ModelStore:
    """Folders ``<root>/<project>/<version>``; a folder that has a row is complete for ever."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self, learner: Learner, project_id: int) -> Path:
        """Write a learner into a folder that nobody reads yet."""
        staged = self._root / str(project_id) / f".staged-{uuid.uuid4().hex}"
        staged.mkdir(parents=True)
        learner.save(staged)
        for path in (*staged.iterdir(), staged):
            _make_durable(path)
        return staged

    def add(
        self,
        session: Session,
        staged: Path,
        project_id: int,
        kind: Kind,
        *,
        facts: Facts,
        promote: bool,
        now: datetime,
    ) -> VersionRow:
        """Give a staged model its version, and let it serve if ``promote``.

        The folder is complete before the row exists, and readers go by the row:
        they see the old model or the new one, never half of one.
        """
        number = 1 + (session.scalar(_newest_number(project_id)) or 0)
        name = f"{kind.name}-{number:04d}"
        target = self._folder(project_id, name)
        if target.exists():  # left by a process that ended before its row was written
            shutil.rmtree(target)
        os.replace(staged, target)
        _make_durable(target.parent)
        if promote:
            for row in session.scalars(_champions(project_id)):
                row.state = RETIRED
        row = _row(facts)
        row.project_id, row.kind = project_id, kind.name
        row.number, row.name = number, name
        row.state = CHAMPION if promote else REJECTED
        row.created_at = now
        session.add(row)
        session.flush()
        return row

    def load(self, version: VersionRow, kind: Kind) -> Learner:
        """Read one version back; raises :class:`ModelUnreadable`."""
        folder = self._folder(version.project_id, version.name)
        return learner_file(version.learner).load(folder, kind)

    def tidy(self, session: Session, project_id: int) -> None:
        """Remove the folders of old versions, and those that a training left unfinished.

        The serving version and the newest ``KEEP`` stay. For the one that trains.
        """
        newest = (
            sa.select(VersionRow.name)
            .where(VersionRow.project_id == project_id)
            .order_by(VersionRow.number.desc())
            .limit(KEEP)
        )
        kept = {
            *session.scalars(newest),
            *(row.name for row in session.scalars(_champions(project_id))),
        }
        for folder in (self._root / str(project_id)).iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, project_id: int, name: str) -> Path:
        return self._root / str(project_id) / name


def _make_durable(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _row(facts: Facts) -> VersionRow:
    estimate = facts.held_out
    return VersionRow(
        cause=facts.cause,
        learner=facts.learner,
        labels=facts.labels,
        trained_on=facts.trained_on,
        held_out=estimate.value if estimate else None,
        held_out_low=estimate.low if estimate else None,
        held_out_high=estimate.high if estimate else None,
        held_out_n=estimate.n if estimate else 0,
        seconds=facts.seconds,
        first_change_at=facts.first_change_at,
        last_change_at=facts.last_change_at,
    )


def learner_file(name: str) -> LearnerFile:
    """The file of ``learners`` with this name."""
    return cast(LearnerFile, discovery.load(learners, name))


def champion(session: Session, project_id: int) -> VersionRow | None:
    """The version that serves a project, if any."""
    return session.scalars(_champions(project_id)).first()


def made_by(session: Session, cause: str) -> VersionRow | None:
    """The version that this training made, if it got that far."""
    return session.scalars(sa.select(VersionRow).where(VersionRow.cause == cause)).first()


def names(session: Session) -> Sequence[str]:
    """Every version that serves or has served, of all projects, oldest first."""
    query = sa.select(VersionRow.name).where(VersionRow.state != REJECTED)
    return session.scalars(query.order_by(VersionRow.id)).all()


def _champions(project_id: int) -> sa.Select[VersionRow]:
    return (
        sa.select(VersionRow)
        .where(VersionRow.project_id == project_id, VersionRow.state == CHAMPION)
        .order_by(VersionRow.id.desc())
    )


def _newest_number(project_id: int) -> sa.Select[int]:
    return sa.select(sa.func.max(VersionRow.number)).where(VersionRow.project_id == project_id)
