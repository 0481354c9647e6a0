"""The SQL of practice time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.vocabulary import Annotation
from sandbox_sync import comparing, hours
from sandbox_sync.db.delivery import wishes_of
from sandbox_sync.db.tables import LaneRow, PracticeItem, PracticeTime, Trainee
from sandbox_sync.db.writing import insert_once
from sandbox_sync.hours import Stretch


def record(
    session: Session, item: PracticeItem, annotations: Iterable[Annotation], *, idle_seconds: float
) -> None:
    """Note the time that the trainee's own annotations show beyond what is noted; safe to repeat.

    The caller holds the item's row, so that two looks do not both count the same time.
    """
    own = comparing.own_annotations(annotations, item.trainee_id)
    if not own:
        return
    noted = _noted(session, item.id)
    for annotation in own:
        lead, rows = annotation.lead_time_seconds or 0.0, noted.get(annotation.id, [])
        if any(row.annotation_at >= annotation.updated_at for row in rows):
            continue
        before = max((row.lead_time_seconds for row in rows), default=0.0)
        active = hours.active_seconds(lead, before, cap=idle_seconds)
        if active > 0:
            _note(session, item, annotation, lead=lead, active=active)


def _note(
    session: Session, item: PracticeItem, annotation: Annotation, *, lead: float, active: float
) -> None:
    zone = wishes_of(session.get_one(Trainee, item.trainee_id)).zone
    insert_once(
        session,
        PracticeTime,
        trainee_id=item.trainee_id,
        item_id=item.id,
        kind=session.get_one(LaneRow, item.lane_id).kind,
        annotation_id=annotation.id,
        annotation_at=annotation.updated_at,
        lead_time_seconds=lead,
        active_seconds=active,
        day=annotation.updated_at.astimezone(zone).date().isoformat(),
    )


def rows(
    session: Session, first: date, last: date, *, trainee_id: int | None = None
) -> list[hours.Row]:
    """Time per day, trainee and kind, both days included; of one trainee or of everybody.

    What ended the day before is read too: it may overlap with the first day's.
    """
    found = (
        sa.select(PracticeTime, Trainee.email)
        .join(Trainee, Trainee.id == PracticeTime.trainee_id)
        .where(
            PracticeTime.day >= (first - timedelta(days=1)).isoformat(),
            PracticeTime.day <= (last + timedelta(days=1)).isoformat(),
        )
    )
    if trainee_id is not None:
        found = found.where(PracticeTime.trainee_id == trainee_id)
    stretches = [
        Stretch(
            trainee_id=row.trainee_id,
            email=email,
            kind=row.kind,
            day=row.day,
            item_id=row.item_id,
            end=row.annotation_at,
            seconds=row.active_seconds,
        )
        for row, email in session.execute(found)
    ]
    within = (first.isoformat(), last.isoformat())
    return [row for row in hours.tally(stretches) if within[0] <= row.day <= within[1]]


def _noted(session: Session, item_id: int) -> dict[int, list[PracticeTime]]:
    found: dict[int, list[PracticeTime]] = {}
    for row in session.scalars(sa.select(PracticeTime).where(PracticeTime.item_id == item_id)):
        found.setdefault(row.annotation_id, []).append(row)
    return found
