"""What became of suggestions for tasks that were drawn at random."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.calibration import off_line
from backend_ml.selecting import RANDOM
from backend_ml.tables import LabelRow, VersionRow


def seen(project_id: int, *, since: datetime | None = None) -> sa.ColumnElement[bool]:
    """Condition on ``LabelRow``: a suggestion of the random arm that a person has seen."""
    return sa.and_(
        LabelRow.project_id == project_id,
        LabelRow.arm == RANDOM,
        LabelRow.suggested_answer.is_not(None),
        LabelRow.suggestion_estimated.is_(False),
        LabelRow.ground_truth.is_(False),
        LabelRow.created_at > (since or datetime.min.replace(tzinfo=UTC)),
    )


def outcomes(
    session: Session, project_id: int, learner: str, *, most: int
) -> list[tuple[float, bool]]:
    """How sure a learner's versions were by themselves, and whether the answer was theirs.

    The newest ``most``, newest first; ``learner`` is a file of ``learners``. Confidence is
    told as it was before the version's line (:mod:`backend_ml.recalibration`).
    """
    query = (
        sa.select(
            LabelRow.suggested_confidence,
            LabelRow.outcome,
            VersionRow.line_slope,
            VersionRow.line_offset,
        )
        .join(
            VersionRow,
            (VersionRow.project_id == LabelRow.project_id)
            & (VersionRow.name == LabelRow.suggested_version),
        )
        .where(
            seen(project_id),
            LabelRow.suggested_confidence.is_not(None),
            VersionRow.learner == learner,
        )
        .order_by(LabelRow.created_at.desc(), LabelRow.task_id.desc())
        .limit(most)
    )
    return [
        (float(off_line(np.array([sure]), (slope, offset))[0]), outcome == "accepted")
        for sure, outcome, slope, offset in session.execute(query)
    ]


def among(session: Session, project_id: int, task_ids: Iterable[int]) -> frozenset[int] | None:
    """Which of these tasks were drawn at random; ``None`` where no label of the project was."""
    query = sa.select(LabelRow.task_id).where(
        LabelRow.project_id == project_id, LabelRow.arm == RANDOM
    )
    drawn = frozenset(session.scalars(query))
    return drawn.intersection(task_ids) if drawn else None
