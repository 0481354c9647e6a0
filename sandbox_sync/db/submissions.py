"""The SQL of what trainees answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from projects.vocabulary import Annotation, Answer, answer_to_json
from sandbox_sync.db.tables import PracticeItem, Submission
from sandbox_sync.db.writing import insert_once


def save_submission(
    session: Session, item: PracticeItem, annotation: Annotation, *, answer: Answer, now: datetime
) -> bool:
    """Store the trainee's answer; False when there was one before."""
    return insert_once(
        session,
        Submission,
        item_id=item.id,
        annotation_id=annotation.id,
        answer=answer_to_json(answer),
        regions=list(annotation.regions),
        candidate_at=annotation.created_at,
        seen_at=now,
        lead_time_seconds=annotation.lead_time_seconds,
    )
