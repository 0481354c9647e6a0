"""The SQL of lanes and of the items in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Json
from sandbox_sync import cloning
from sandbox_sync.cloning import Snapshot
from sandbox_sync.db.snapshots import thaw
from sandbox_sync.db.tables import (
    LaneProject,
    LaneRow,
    PracticeItem,
    ProductionProject,
    SnapshotRow,
    Submission,
    Trainee,
)


@dataclass(frozen=True)
class Lane:
    """One trainee's queue of one kind, with what it has to look like."""

    id: int
    trainee_id: int
    email: str
    kind: str
    production_project_id: int
    sandbox_project_id: int | None
    applied: str
    seen: str
    label_config: str
    guidelines: str
    sampling: str
    settings: Json
    generation: int
    looked_until: datetime | None
    is_paused: bool
    """The trainee, or this kind of theirs: nothing new, and what is open stays."""
    has_left: bool

    @property
    def wanted(self) -> str:
        """Digest of what its project has to look like; not ``applied``: bring it there."""
        return cloning.project_digest(
            self.label_config, self.guidelines, self.sampling, self.settings
        )


def lanes(session: Session) -> list[Lane]:
    """The lanes of everybody who is here."""
    return [_lane(*row) for row in session.execute(_LANES.where(Trainee.left_at.is_(None)))]


def lane(session: Session, lane_id: int) -> Lane | None:
    """One lane, whoever left."""
    row = session.execute(_LANES.where(LaneRow.id == lane_id)).one_or_none()
    return None if row is None else _lane(*row)


def held(session: Session, lane_id: int) -> Lane | None:
    """One lane, for which nobody else plans until the end of the transaction."""
    held = _LANES.where(LaneRow.id == lane_id).with_for_update(of=LaneRow)
    row = session.execute(held).one_or_none()
    return None if row is None else _lane(*row)


_LANES = (
    sa.select(LaneRow, Trainee, ProductionProject)
    .join(Trainee, Trainee.id == LaneRow.trainee_id)
    .join(ProductionProject, ProductionProject.id == LaneRow.production_project_id)
    .where(ProductionProject.removed_at.is_(None))
    .order_by(LaneRow.id)
)


def _lane(row: LaneRow, trainee: Trainee, project: ProductionProject) -> Lane:
    return Lane(
        id=row.id,
        trainee_id=trainee.id,
        email=trainee.email,
        kind=row.kind,
        production_project_id=project.id,
        sandbox_project_id=row.sandbox_project_id,
        applied=row.applied,
        seen=row.seen,
        label_config=project.label_config,
        guidelines=project.guidelines,
        sampling=project.sampling,
        settings=project.settings,
        generation=row.generation,
        looked_until=row.looked_until,
        is_paused=row.paused_at is not None or trainee.paused_at is not None,
        has_left=trainee.left_at is not None,
    )


def set_drifted(session: Session, lane_id: int) -> None:
    """Somebody changed the lane's project: bring ours there again."""
    session.get_one(LaneRow, lane_id).applied = ""


def set_looked_until(session: Session, lane_id: int, moment: datetime) -> None:
    """Remember the newest change that we have seen; it never goes back."""
    row = session.get_one(LaneRow, lane_id)
    row.looked_until = max(moment, row.looked_until or moment)


def look_again(session: Session, production_project_id: int) -> None:
    """Every lane of this project is looked at from the beginning, once."""
    mine = LaneRow.production_project_id == production_project_id
    session.execute(sa.update(LaneRow).where(mine).values(looked_until=None))
    lanes = sa.select(LaneRow.id).where(mine)
    session.execute(
        sa.update(LaneProject).where(LaneProject.lane_id.in_(lanes)).values(looked_until=None)
    )


def show_again(session: Session, item_id: int) -> None:
    """The item's suggestion is another now: take care that it is shown."""
    session.get_one(PracticeItem, item_id).suggested_at = None


def recorded_tasks(session: Session, lane_id: int, project_id: int) -> dict[str, int]:
    """Sandbox task by key, of the items that this project of the lane has."""
    found = session.execute(
        sa.select(PracticeItem.key, PracticeItem.sandbox_task_id).where(
            PracticeItem.lane_id == lane_id,
            PracticeItem.sandbox_project_id == project_id,
            PracticeItem.sandbox_task_id.is_not(None),
        )
    )
    return {key: task_id for key, task_id in found if task_id is not None}


def removed_keys(session: Session, lane_id: int) -> set[str]:
    """The keys of a lane's items that were taken out of the sandbox unanswered."""
    found = sa.select(PracticeItem.key).where(
        PracticeItem.lane_id == lane_id,
        PracticeItem.expired_at.is_not(None),
        PracticeItem.sandbox_task_id.is_(None),
    )
    return set(session.scalars(found))


def owners(session: Session, task_ids: Iterable[int]) -> dict[int, str]:
    """The key of the item that each of these sandbox tasks is recorded as."""
    found = session.execute(
        sa.select(PracticeItem.sandbox_task_id, PracticeItem.key).where(
            PracticeItem.sandbox_task_id.in_(list(task_ids))
        )
    )
    return {task_id: key for task_id, key in found if task_id is not None}


def move(session: Session, key: str, sandbox_task_id: int) -> None:
    """From now on the item is this task."""
    session.execute(
        sa.update(PracticeItem)
        .where(PracticeItem.key == key)
        .values(sandbox_task_id=sandbox_task_id)
    )


def lane_of_key(session: Session, key: str, project_id: int) -> int | None:
    """The lane with an item of this key, if that item's task is in this project."""
    return session.scalar(
        sa.select(PracticeItem.lane_id).where(
            PracticeItem.key == key, PracticeItem.sandbox_project_id == project_id
        )
    )


def release(session: Session, sandbox_task_id: int) -> bool:
    """An open item that has lost its task will get a new one; False if no open item was it."""
    is_it = PracticeItem.sandbox_task_id == sandbox_task_id
    return bool(release_all(session, is_it))


def release_all(session: Session, *which: sa.ColumnElement[bool]) -> list[int]:
    """Of these items, those that nobody has answered will get a new task; their ids.

    ``attempted_at`` stays: whoever makes the new one looks for an old one first.
    """
    is_open = PracticeItem.id.not_in(sa.select(Submission.item_id))
    is_due = PracticeItem.expired_at.is_(None)
    lost = sa.update(PracticeItem).where(is_open, is_due, *which)
    lost = lost.values(
        sandbox_task_id=None, sandbox_project_id=None, suggested_at=None, skipped_at=None
    )
    return list(session.scalars(lost.returning(PracticeItem.id)))


def item_of_task(session: Session, sandbox_task_id: int) -> tuple[PracticeItem, int | None] | None:
    """The item that a sandbox task is, and the sandbox project it belongs in."""
    item = session.scalar(
        sa.select(PracticeItem)
        .where(PracticeItem.sandbox_task_id == sandbox_task_id)
        .with_for_update()
    )
    return None if item is None else (item, item.sandbox_project_id)


def open_tasks(session: Session, lane_id: int, project_id: int) -> dict[int, int]:
    """Sandbox task id by item id, of this project's items without a submission."""
    found = _OPEN.where(
        PracticeItem.lane_id == lane_id,
        PracticeItem.sandbox_project_id == project_id,
        PracticeItem.sandbox_task_id.is_not(None),
    )
    return {row.id: row.sandbox_task_id or 0 for row in session.scalars(found)}


def known_task_count(session: Session, lane_id: int, project_id: int) -> int:
    """How many tasks this project of the lane should have."""
    counted = sa.select(sa.func.count(PracticeItem.sandbox_task_id)).where(
        PracticeItem.lane_id == lane_id, PracticeItem.sandbox_project_id == project_id
    )
    return session.scalar(counted) or 0


def snapshot(session: Session, digest: str) -> Snapshot:
    """A stored snapshot."""
    return thaw(session.get_one(SnapshotRow, digest))


_OPEN = (
    sa.select(PracticeItem)
    .outerjoin(Submission, Submission.item_id == PracticeItem.id)
    .where(Submission.item_id.is_(None))
)
