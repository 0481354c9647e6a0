"""The versions of a project, and how long a label waits until one that learned it serves."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.tables import VersionRow
from projects.kit.intervals import Estimate


def versions(session: Session, project_id: int) -> Sequence[VersionRow]:
    """Every version, oldest first."""
    query = sa.select(VersionRow).where(VersionRow.project_id == project_id)
    return session.scalars(query.order_by(VersionRow.number)).all()


def held_out(row: VersionRow) -> Estimate | None:
    """Agreement on the labels that no model learns."""
    return _estimate(row.held_out, row.held_out_low, row.held_out_high, row.held_out_n)


def calibration_error(row: VersionRow) -> Estimate | None:
    """Expected calibration error on those of them that were drawn at random, if any were."""
    return _estimate(
        row.calibration_error,
        row.calibration_error_low,
        row.calibration_error_high,
        row.calibration_error_n,
    )


def version(row: VersionRow) -> dict[str, Any]:
    """One version as plain JSON."""
    found, error = held_out(row), calibration_error(row)
    return {
        "version": row.name,
        "learner": row.learner,
        "labels": row.labels,
        "trained_on": row.trained_on,
        "held_out": None if found is None else asdict(found),
        "calibration_error": None if error is None else asdict(error),
        "confidence_line": {"slope": row.line_slope, "offset": row.line_offset},
        "promoted": row.state != "rejected",
        "state": row.state,
        "reason": row.reason,
        "seconds": round(row.seconds, 3),
        "created_at": row.created_at.isoformat(),
        "serving_at": None if row.serving_at is None else row.serving_at.isoformat(),
    }


def delay(rows: Sequence[VersionRow]) -> dict[str, Any]:
    """From a label to the moment when a version that learned it was being served.

    ``from_first`` is the longest wait of a version's labels, ``from_last`` the shortest.
    """
    served = [row for row in rows if row.serving_at is not None]
    return {
        "from_first": _summary((row.first_change_at, row.serving_at) for row in served),
        "from_last": _summary((row.last_change_at, row.serving_at) for row in served),
    }


def _estimate(
    value: float | None, low: float | None, high: float | None, n: int
) -> Estimate | None:
    if value is None or low is None or high is None:
        return None
    return Estimate(value, low, high, n)


def _summary(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> dict[str, Any] | None:
    seconds = [(end - start).total_seconds() for start, end in pairs if start and end]
    if not seconds:
        return None
    return {"median": statistics.median(seconds), "max": max(seconds), "n": len(seconds)}
