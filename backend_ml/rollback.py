"""When suggestions are right less often than before, an older version may serve again.

Two questions, asked in turn. Did live accuracy fall? The suggestions of the random
arm say so, because nobody chose their tasks. Would an older version have done
better? Labels that neither version has learned say so. Only two yes are a rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from scipy import stats
from sqlalchemy.orm import Session

from backend_ml import (
    gate,
    labels,
    model_store,
    promotion,
    random_arm,
    selecting,
    training,
    waiting,
)
from backend_ml.labels import Label
from backend_ml.learners.base import ModelUnreadable
from backend_ml.tables import AssignmentRow, LabelRow, ProjectRow, TaskRow, VersionRow
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import logs
from projects.vocabulary import answer_from_json

WINDOW = 20
"""Outcomes of the random arm per window; each window is looked at once, when it is full."""
BEFORE = 3
"""The last window is compared with so many before it, or with those that there are."""
ALPHA = 0.01
"""How often a window alarms although nothing has changed, at most."""
FEWEST = 10
"""With fewer unseen labels no older version is taken for better."""
MOST = 300
"""The newest unseen labels that the versions are compared on."""
DRAWS = 5000

log = logs.get(__name__)


@dataclass(frozen=True)
class Fall:
    """Live accuracy in the last window and before it."""

    before: float
    after: float
    chance: float
    """How often so large a fall comes by chance."""


@dataclass(frozen=True)
class Outcome:
    """One suggestion of the random arm and the answer that it met."""

    at: datetime
    value: float
    """Agreement of the two, in [0, 1]."""


def fall(values: Sequence[float]) -> Fall | None:
    """A significant fall in the last whole window of ``values``, if there is one.

    Parameters
    ----------
    values : sequence
        Agreement of each suggestion with the answer it met, in [0, 1], in order.

    Returns
    -------
    Fall or None
        The last full window of ``WINDOW`` values against the ``BEFORE`` windows
        before it. One-sided: Fisher's exact test where every value is 0 or 1, a
        permutation test of the means otherwise. ``None`` unless its p-value is below
        ``ALPHA``.
    """
    whole = len(values) // WINDOW * WINDOW
    if whole < 2 * WINDOW:
        return None
    after = np.asarray(values[whole - WINDOW : whole], dtype=np.float64)
    before = np.asarray(values[max(0, whole - (BEFORE + 1) * WINDOW) : whole - WINDOW])
    if after.mean() >= before.mean():
        return None
    p = _chance(before.astype(np.float64), after)
    return Fall(float(before.mean()), float(after.mean()), p) if p < ALPHA else None


def _chance(before: Any, after: Any) -> float:
    """How often chance gives the last window a mean as low as this."""
    both = np.concatenate([after, before])
    if np.isin(both, (0.0, 1.0)).all():
        drawn = stats.hypergeom(len(both), int(both.sum()), len(after))
        return float(drawn.cdf(int(after.sum())))
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.tile(both, (DRAWS, 1)), axis=1)[:, : len(after)]
    as_low = (shuffled.mean(axis=1) <= after.mean() + 1e-12).sum()
    return float((1 + as_low) / (DRAWS + 1))


def best(
    champion: Sequence[float], others: Sequence[tuple[str, Sequence[float]]]
) -> tuple[str, str] | None:
    """The version that does best, if it is better than the champion by more than noise.

    Each sequence is agreement with the same unseen labels. The level is shared among
    the versions that are compared (Bonferroni).

    Returns
    -------
    (str, str) or None
        Its name, and the numbers in words.
    """
    if len(champion) < FEWEST or not others:
        return None
    name, values = max(others, key=lambda other: sum(other[1]))
    if gate.chance(gate.paired(values, champion)) >= gate.ALPHA / len(others):
        return None
    n = len(champion)
    numbers = f"{np.mean(values):.3f} against {np.mean(champion):.3f} on {n} unseen labels"
    return name, numbers


class Watch:
    """Looks at each full window of a project once."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._seen: dict[int, tuple[datetime | None, int]] = {}

    def look(self, project_id: int) -> VersionRow | None:
        """Roll a project back if its live accuracy fell and an older version is better."""
        with self._workshop.reading() as session:
            project = session.get(ProjectRow, project_id)
            since = None if project is None else project.rolled_back_at
            state = (since, count(session, project_id, since=since) // WINDOW)
            pinned = project is not None and project.pinned
        if pinned or self._seen.get(project_id) == state:
            return None
        version = check(self._workshop, project_id, since=since)
        self._seen[project_id] = state
        return version


def check(
    workshop: Workshop, project_id: int, *, since: datetime | None = None
) -> VersionRow | None:
    """Roll back if there is reason to; outcomes up to ``since`` do not count."""
    kind = workshop.kind(project_id)
    with workshop.reading() as session:
        champion = model_store.champion(session, project_id)
        found = outcomes(session, project_id, kind, since=since)
        fallen = fall([one.value for one in found])
        if champion is None or fallen is None:
            return None
        begun = found[len(found) // WINDOW * WINDOW - WINDOW].at
        unseen = _unseen(session, project_id, kind, champion, begun)
        older = promotion.earlier(session, project_id)
    log.warning(
        "accuracy.fell",
        project=project_id,
        version=champion.name,
        before=round(fallen.before, 3),
        after=round(fallen.after, 3),
    )
    chosen = _choose(workshop, kind, champion, older, unseen)
    if chosen is None:
        return None
    version, numbers = chosen
    why = (
        f"Live accuracy fell from {fallen.before:.3f} to {fallen.after:.3f} "
        f"(p = {fallen.chance:.4f}), and it does better than {champion.name}: {numbers}."
    )
    log.warning("model.rolled_back", project=project_id, version=version.name)
    return promotion.serve(workshop, version, why=why, instead_of=champion.id, rolled_back=True)


def count(session: Session, project_id: int, *, since: datetime | None) -> int:
    """How many suggestions of the random arm have met an answer; cheap."""
    seen = random_arm.seen(project_id, since=since)
    query = sa.select(sa.func.count()).select_from(LabelRow).where(seen)
    return session.scalar(query) or 0


def outcomes(
    session: Session, project_id: int, kind: Kind, *, since: datetime | None
) -> list[Outcome]:
    """The outcomes of whole draws, in the order in which the draws were completed.

    Within a draw the hard tasks are answered first, so half a draw would look like
    a fall.
    """
    query = (
        sa.select(LabelRow, AssignmentRow.epoch)
        .join(
            AssignmentRow,
            (AssignmentRow.project_id == LabelRow.project_id)
            & (AssignmentRow.task_id == LabelRow.task_id),
        )
        .where(random_arm.seen(project_id, since=since))
    )
    open_draws = set(session.scalars(_open_draws(session, project_id)))
    rows = [(row, epoch) for row, epoch in session.execute(query) if epoch not in open_draws]
    ended: dict[int, datetime] = {}
    for row, epoch in rows:
        ended[epoch] = max(row.created_at, ended.get(epoch, row.created_at))
    rows.sort(key=lambda pair: (ended[pair[1]], pair[1], pair[0].created_at, pair[0].task_id))
    metric = training.metric_of(kind)
    return [
        Outcome(
            row.created_at,
            training.closeness(
                metric, answer_from_json(row.answer), answer_from_json(row.suggested_answer or [])
            ),
        )
        for row, _ in rows
    ]


def _open_draws(session: Session, project_id: int) -> sa.Select[int]:
    return (
        sa.select(AssignmentRow.epoch)
        .join(
            TaskRow,
            (TaskRow.project_id == AssignmentRow.project_id)
            & (TaskRow.task_id == AssignmentRow.task_id),
        )
        .where(
            AssignmentRow.project_id == project_id,
            AssignmentRow.arm == selecting.RANDOM,
            waiting.is_open(session, project_id),
        )
        .distinct()
    )


def _unseen(
    session: Session, project_id: int, kind: Kind, champion: VersionRow, begun: datetime
) -> list[Label]:
    """The newest labels since the fall began that no version so far has learned.

    Held-out ones are never learned; others are not when they are newer than the
    newest version that is compared, which is the champion.
    """
    moments = sa.select(LabelRow.task_id, LabelRow.created_at).where(
        LabelRow.project_id == project_id, LabelRow.created_at >= begun
    )
    recent = {task_id: at for task_id, at in session.execute(moments)}
    found = [
        label
        for label in labels.accepted(session, project_id, kind)
        if label.task_id in recent
        and (
            training.is_held_out(project_id, label.task_id)
            or recent[label.task_id] > champion.created_at
        )
    ]
    return sorted(found, key=lambda label: recent[label.task_id])[-MOST:]


def _choose(
    workshop: Workshop,
    kind: Kind,
    champion: VersionRow,
    older: Sequence[VersionRow],
    unseen: Sequence[Label],
) -> tuple[VersionRow, str] | None:
    """The older version that should serve, and the numbers in words."""
    try:
        theirs = training.examine(workshop.store.load(champion, kind), unseen, kind).agreement
    except ModelUnreadable:
        return None  # it is trained anew
    values = []
    for row in older:
        if promotion.is_usable(workshop, row):
            learner = workshop.store.load(row, kind)
            values.append((row.name, training.examine(learner, unseen, kind).agreement))
    found = best(theirs, values)
    if found is None:
        return None
    return next(row for row in older if row.name == found[0]), found[1]
