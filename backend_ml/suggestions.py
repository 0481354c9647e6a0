"""What a person saw when they answered: a suggestion, or nothing worth showing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import AnnotationRow, PublicationRow
from projects.kinds.base import Kind


def met(session: Session, row: AnnotationRow, kind: Kind) -> Mapping[str, Any]:
    """Version, confidence and answer of the suggestion that an annotation met.

    As Label Studio told, else the last that was published for the task before. Without
    ``answer`` where the model abstained: it was pushed empty, to give the task its
    place in the queue, and whoever saw it had no help. Empty where nothing was shown.
    """
    told = row.shown if isinstance(row.shown, Mapping) else None
    found = _last_published(session, row) if told is None else told
    if "answer" not in found or found["answer"]:
        return found
    if kind.is_answer(()) and not _abstained(session, row, str(found.get("version") or "")):
        return found  # that there is nothing to mark is an answer
    return {name: value for name, value in found.items() if name != "answer"}


def _last_published(session: Session, row: AnnotationRow) -> dict[str, Any]:
    if row.created_at is None:
        return {}
    query = (
        _of_task(row)
        .where(PublicationRow.pushed_at <= row.created_at)
        .order_by(PublicationRow.pushed_at.desc(), PublicationRow.plan_id.desc())
    )
    found = session.scalars(query.limit(1)).first()
    if found is None:
        return {}
    return {"version": found.version, "confidence": found.confidence, "answer": found.answer}


def _abstained(session: Session, row: AnnotationRow, version: str) -> bool:
    query = _of_task(row).where(PublicationRow.version == version, PublicationRow.abstained)
    return session.scalars(query).first() is not None


def _of_task(row: AnnotationRow) -> sa.Select[PublicationRow]:
    return sa.select(PublicationRow).where(
        PublicationRow.project_id == row.project_id, PublicationRow.task_id == row.task_id
    )
