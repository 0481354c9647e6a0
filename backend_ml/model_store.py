"""Versions of models: immutable folders, a table that says which one serves."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import learners, recalibration
from backend_ml.calibration import NO_CHANGE, Line
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
STAGED = ".staged-"
UNFINISHED = timedelta(hours=2)
"""A staged folder that nobody has touched for so long was left by a process that ended."""


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
    reason: str = ""
    """Why it serves or does not."""
    calibration: Estimate | None = None
    """Expected calibration error on held-out labels."""
    line: Line = NO_CHANGE
    """What the learner's confidence is put on."""
    full_fit_labels: int = 0
    """Labels at the last fit from scratch that it goes back to."""


class ModelStore:
    """Folders ``<root>/<project>/<version>``; a folder that has a row is complete for ever."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self, learner: Learner, project_id: int) -> Path:
        """Write a learner into a folder that nobody reads yet."""
        staged = self.stage_empty(project_id)
        learner.save(staged)
        return staged

    def stage_empty(self, project_id: int) -> Path:
        """A folder that nobody reads yet, for a learner to be saved into."""
        staged = self._root / str(project_id) / f"{STAGED}{uuid.uuid4().hex}"
        staged.mkdir(parents=True)
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
        row = _next(session, project_id, kind, facts, now)
        target = self.folder(row)
        if target.exists():  # left by a process that ended before its row was written
            shutil.rmtree(target)
        for path in (*staged.iterdir(), staged):
            _make_durable(path)
        os.replace(staged, target)
        _make_durable(target.parent)
        session.add(row)
        session.flush()
        if promote:
            serve(session, row)
        return row

    def add_failed(
        self, session: Session, project_id: int, kind: Kind, *, facts: Facts, now: datetime
    ) -> VersionRow:
        """Record a training that made no model, so that it is not tried again at once."""
        row = _next(session, project_id, kind, facts, now)
        session.add(row)
        session.flush()
        return row

    def load(self, version: VersionRow, kind: Kind) -> Learner:
        """Read one version back, its confidence on its line; raises :class:`ModelUnreadable`."""
        learner = self.load_from(self.folder(version), version.learner, kind)
        return recalibration.on(learner, (version.line_slope, version.line_offset))

    def load_from(self, folder: Path, learner: str, kind: Kind) -> Learner:
        """Read what a learner has saved into a folder; raises :class:`ModelUnreadable`."""
        return learner_file(learner).load(folder, kind)

    def tidy(self, session: Session, project_id: int, *, now: datetime) -> None:
        """Remove the folders of old versions, and those that a training left unfinished.

        The serving version and the newest ``KEEP`` stay, and of the older ones that
        served a few, ever farther apart: a rollback may have to go back a long way.
        """
        query = sa.select(VersionRow).where(VersionRow.project_id == project_id)
        rows = session.scalars(query.order_by(VersionRow.number)).all()
        served = [row.name for row in rows if row.state != REJECTED]
        kept = {row.name for row in rows if row.state == CHAMPION}
        kept |= {row.name for row in rows[-KEEP:]}
        kept |= {served[place] for place in milestones(len(served))}
        for folder in (self._root / str(project_id)).iterdir():
            if folder.name in kept or (_is_staged(folder) and not _is_old(folder, now)):
                continue
            shutil.rmtree(folder, ignore_errors=True)

    def folder(self, version: VersionRow) -> Path:
        """Where a version lies, or lay."""
        return self._root / str(version.project_id) / version.name


def milestones(count: int) -> list[int]:
    """Which of ``count`` versions, oldest first, to keep: about 2.5 per doubling of age.

    The newest ``KEEP``, then every 2nd, then every 4th and so on. One that is passed
    over is never wanted again later.
    """
    newest = count - 1
    return [
        place
        for place in range(count)
        if place % (1 << ((newest - place) // KEEP).bit_length()) == 0
    ]


def serve(session: Session, version: VersionRow) -> None:
    """Let a version serve instead of the one that does."""
    for row in session.scalars(_champions(version.project_id)):
        row.state = RETIRED
    version.state = CHAMPION
    session.flush()


def _is_staged(folder: Path) -> bool:
    return folder.name.startswith(STAGED)


def _is_old(folder: Path, now: datetime) -> bool:
    """Whether nobody can be at work in a folder any more."""
    try:
        touched = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except FileNotFoundError:  # it was just given its name
        return False
    return now - touched > UNFINISHED


def _make_durable(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _next(session: Session, project_id: int, kind: Kind, facts: Facts, now: datetime) -> VersionRow:
    """The row of a version that does not serve yet, with the next number."""
    number = 1 + (session.scalar(_newest_number(project_id)) or 0)
    row = _row(facts)
    row.project_id, row.kind = project_id, kind.name
    row.number, row.name = number, f"{kind.name}-{number:04d}"
    row.state, row.created_at = REJECTED, now
    return row


def _row(facts: Facts) -> VersionRow:
    estimate, error = facts.held_out, facts.calibration
    return VersionRow(
        cause=facts.cause,
        learner=facts.learner,
        labels=facts.labels,
        trained_on=facts.trained_on,
        held_out=estimate.value if estimate else None,
        held_out_low=estimate.low if estimate else None,
        held_out_high=estimate.high if estimate else None,
        held_out_n=estimate.n if estimate else 0,
        calibration_error=error.value if error else None,
        calibration_error_low=error.low if error else None,
        calibration_error_high=error.high if error else None,
        calibration_error_n=error.n if error else 0,
        line_slope=facts.line[0],
        line_offset=facts.line[1],
        full_fit_labels=facts.full_fit_labels,
        reason=facts.reason,
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
