"""Which learners of a kind are fitted, and when."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import model_store
from backend_ml.tables import VersionRow
from projects.kinds.base import Kind

RULES = "rules"
"""The file of ``learners`` that answers by the kind's patterns; it needs no labels."""
GROWTH = 1.5
"""A learner that does not serve is tried again once there are so many times the labels."""
FIRST_CHALLENGE = 50
"""Labels before which no other learner is tried: the comparison would tell nothing."""


def regular(kind: Kind, champion: str | None) -> str:
    """The learner that is fitted at every training: the champion's, else the kind's first.

    Rules serve without being fitted, so beside them the kind's first learner is.
    """
    return champion if champion in fitted(kind) else kind.learner


def challengers(
    kind: Kind, champion: str | None, tried: Mapping[str, int], labels: int
) -> list[str]:
    """The other learners that are due to be tried, in the kind's order.

    ``tried`` says how many labels there were when each was last fitted. So a
    project of n labels has tried each about ``log(n / 50) / log(1.5)`` times.
    """
    others = [name for name in fitted(kind) if name != regular(kind, champion)]
    return [name for name in others if labels >= max(FIRST_CHALLENGE, GROWTH * tried.get(name, 0))]


def last_tried(session: Session, project_id: int) -> dict[str, int]:
    """The labels that there were when each learner was last fitted, also without success."""
    query = (
        sa.select(VersionRow.learner, sa.func.max(VersionRow.labels))
        .where(VersionRow.project_id == project_id)
        .group_by(VersionRow.learner)
    )
    return {learner: labels for learner, labels in session.execute(query)}


def due(session: Session, project_id: int, kind: Kind, labels: int) -> list[str]:
    """The learners to try now, with so many labels; none before something serves."""
    champion = model_store.champion(session, project_id)
    if champion is None:
        return []
    return challengers(kind, champion.learner, last_tried(session, project_id), labels)


def rules_cause(project_id: int, kind: Kind) -> str | None:
    """The cause of the version that these very rules make; ``None`` where there are none."""
    if kind.rules is None:
        return None
    digest = hashlib.sha256(kind.rules.read_bytes()).hexdigest()[:12]
    return f"{RULES}-{project_id}-{digest}"


def fitted(kind: Kind) -> tuple[str, ...]:
    """The learners that a kind names, its first one first."""
    return tuple(dict.fromkeys((kind.learner, *kind.challengers)))
