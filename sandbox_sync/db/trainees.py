"""The SQL of who practises what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.tables import LaneRow, ProductionProject, Trainee
from sandbox_sync.db.writing import insert_many_once, insert_once


def save_trainees(session: Session, emails: Mapping[int, str], *, now: datetime) -> list[int]:
    """Store who practises; returns those who are new or have come back.

    Whose practice a trainer has ended does not come back by being a member.
    """
    rows = {row.id: row for row in session.scalars(sa.select(Trainee))}
    joined = []
    for number, email in sorted(emails.items()):
        row = rows.get(number)
        if row is None:
            insert_once(session, Trainee, id=number, email=email, since=now)
            joined.append(number)
            continue
        row.email = email
        if row.left_at is not None and row.ended_by is None:
            joined.append(number)
            row.left_at = None
    for number in rows.keys() - emails.keys():
        rows[number].left_at = rows[number].left_at or now
    return joined


def make_lanes(session: Session, followed: Collection[int]) -> int:
    """One lane per trainee and production project that is followed; how many are new."""
    trainees = session.scalars(sa.select(Trainee.id).where(Trainee.left_at.is_(None))).all()
    projects = session.execute(
        sa.select(ProductionProject.id, ProductionProject.kind).where(
            ProductionProject.id.in_(followed)
        )
    ).all()
    known = {
        tuple(row)
        for row in session.execute(sa.select(LaneRow.trainee_id, LaneRow.production_project_id))
    }
    rows = [
        {
            "trainee_id": trainee,
            "production_project_id": number,
            "kind": kind,
            "applied": "",
            "seen": "",
        }
        for trainee in trainees
        for number, kind in projects
        if (trainee, number) not in known
    ]
    return len(insert_many_once(session, LaneRow, rows))


def pause(session: Session, trainee_id: int, lane_id: int | None, *, now: datetime) -> bool:
    """Nothing new for this trainee, or in one lane of theirs; False if there is no such."""
    row = _trainee_or_lane(session, trainee_id, lane_id)
    if row is not None:
        row.paused_at = row.paused_at or now
    return row is not None


def resume(session: Session, trainee_id: int, lane_id: int | None) -> bool:
    """The inverse of :func:`pause`."""
    row = _trainee_or_lane(session, trainee_id, lane_id)
    if row is not None:
        row.paused_at = None
    return row is not None


def end(session: Session, trainee_id: int, *, by: str, now: datetime) -> bool:
    """The trainee practises no more, though they stay a member of the sandbox."""
    row = session.get(Trainee, trainee_id, with_for_update=True)
    if row is not None:
        row.left_at, row.ended_by = row.left_at or now, by
    return row is not None


def take_back(session: Session, trainee_id: int) -> bool:
    """The trainee practises again, on what they have not had yet."""
    row = session.get(Trainee, trainee_id, with_for_update=True)
    if row is not None:
        row.left_at, row.ended_by, row.paused_at = None, None, None
    return row is not None


def lanes_of(session: Session, trainee_id: int) -> list[int]:
    """The lanes of one trainee."""
    return list(session.scalars(sa.select(LaneRow.id).where(LaneRow.trainee_id == trainee_id)))


def _trainee_or_lane(
    session: Session, trainee_id: int, lane_id: int | None
) -> Trainee | LaneRow | None:
    if lane_id is None:
        return session.get(Trainee, trainee_id, with_for_update=True)
    row = session.get(LaneRow, lane_id, with_for_update=True)
    return row if row is not None and row.trainee_id == trainee_id else None
