"""The SQL of who practises what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sandbox_sync.db.tables import LaneRow, ProductionProject, Trainee
from sandbox_sync.db.writing import insert_many_once, insert_once


def save_trainees(session: Session, emails: Mapping[int, str], *, now: datetime) -> list[int]:
    """Store who practises; returns those who are new or have come back."""
    rows = {row.id: row for row in session.scalars(sa.select(Trainee))}
    joined = []
    for number, email in sorted(emails.items()):
        row = rows.get(number)
        if row is None:
            insert_once(session, Trainee, id=number, email=email, since=now)
            joined.append(number)
            continue
        if row.left_at is not None:
            joined.append(number)
        row.email, row.left_at = email, None
    for number in rows.keys() - emails.keys():
        rows[number].left_at = rows[number].left_at or now
    return joined


def make_lanes(session: Session) -> int:
    """One lane per trainee and production project; how many are new."""
    trainees = session.scalars(sa.select(Trainee.id).where(Trainee.left_at.is_(None))).all()
    projects = session.execute(sa.select(ProductionProject.id, ProductionProject.kind)).all()
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
    return insert_many_once(session, LaneRow, rows)
