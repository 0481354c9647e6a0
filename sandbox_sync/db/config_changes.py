"""The SQL of changed labelling configs: what was lost, who used it, what was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync import changes
from sandbox_sync.changes import Change
from sandbox_sync.db.tables import (
    ConfigChange,
    GoldItem,
    GoldRevision,
    LaneRow,
    PracticeItem,
    ProductionProject,
    ProductionTask,
    Reference,
    Submission,
)

WHY_RETIRED = "its key uses what the labelling config no longer has"
AT_A_TIME = 500


@dataclass(frozen=True)
class Noted:
    """One change of one project's config, for the page."""

    id: int
    production_project_id: int
    kind: str
    report: dict[str, Any]
    seen_at: datetime


def note(
    session: Session,
    project_id: int,
    before: str,
    after: str,
    *,
    report: dict[str, Any],
    now: datetime,
) -> int:
    """Store that the config of a project changed; its id."""
    row = ConfigChange(
        production_project_id=project_id, before=before, after=after, report=report, seen_at=now
    )
    session.add(row)
    session.flush()
    return row.id


def add_done(session: Session, project_id: int, what: str, count: int = 1) -> None:
    """One more thing was done about the newest change of this project's config."""
    newest = session.scalar(
        sa.select(ConfigChange)
        .where(ConfigChange.production_project_id == project_id)
        .order_by(ConfigChange.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if newest is not None and count:
        done = dict(newest.report.get("done", {}))
        done[what] = done.get(what, 0) + count
        newest.report = newest.report | {"done": done}


def count_users(session: Session, project_id: int, change: Change) -> dict[str, int]:
    """How many answers say what can no longer be said: production's, trainees', gold keys."""
    references = (
        sa.select(Reference.answer)
        .join(ProductionTask, ProductionTask.id == Reference.production_task_id)
        .where(ProductionTask.project_id == project_id)
    )
    submissions = (
        sa.select(Submission.answer)
        .join(PracticeItem, PracticeItem.id == Submission.item_id)
        .join(LaneRow, LaneRow.id == PracticeItem.lane_id)
        .where(LaneRow.production_project_id == project_id)
    )
    return {
        "references": _count(session, references, change),
        "submissions": _count(session, submissions, change),
        "gold": sum(
            any(changes.uses(answer, change) for answer in answers)
            for _, answers in _gold(session, project_id)
        ),
    }


def retire_gold(session: Session, project_id: int, change: Change, *, now: datetime) -> int:
    """Gold of which no acceptable answer can be given any more goes to nobody; how many."""
    orphans = [
        gold_id
        for gold_id, answers in _gold(session, project_id)
        if answers and all(changes.uses(answer, change) for answer in answers)
    ]
    session.execute(
        sa.update(GoldItem)
        .where(GoldItem.id.in_(orphans), GoldItem.retired_at.is_(None))
        .values(retired_at=now, retired_why=WHY_RETIRED)
    )
    return len(orphans)


def newest(session: Session, *, limit: int = 50) -> list[Noted]:
    """The latest changes first."""
    found = session.execute(
        sa.select(ConfigChange, ProductionProject.kind)
        .join(ProductionProject, ProductionProject.id == ConfigChange.production_project_id)
        .order_by(ConfigChange.id.desc())
        .limit(limit)
    )
    return [
        Noted(row.id, row.production_project_id, kind, row.report, row.seen_at)
        for row, kind in found
    ]


def _count(session: Session, answers: sa.Select[tuple[list[Any]]], change: Change) -> int:
    if not change.orphans:
        return 0
    found = session.scalars(answers.execution_options(yield_per=AT_A_TIME))
    return sum(changes.uses(answer, change) for answer in found)


def _gold(session: Session, project_id: int) -> Iterable[tuple[int, list[list[Any]]]]:
    """The acceptable answers of every gold item of a project that is in use."""
    found = session.execute(
        sa.select(GoldItem.id, GoldRevision.answers)
        .join(
            GoldRevision,
            sa.and_(
                GoldRevision.gold_id == GoldItem.id, GoldRevision.revision == GoldItem.revision
            ),
        )
        .where(GoldItem.production_project_id == project_id, GoldItem.retired_at.is_(None))
    )
    return [(gold_id, answers) for gold_id, answers in found]
