"""Whether what comes in lately differs from what came before, by more than chance."""

from __future__ import annotations

import re
import zlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy.orm import Session

from backend_ml.selecting import RANDOM
from backend_ml.tables import AssignmentRow, LabelRow, PublicationRow, TaskRow

Counts = NDArray[np.float64]

LEAST = 30
"""Fewer recent items than this, or fewer than twice as many before, say nothing."""
MOST = 4000
"""Only so many of the newest are looked at."""
RECENT_SHARE = 0.25
SPLITS = 200
WORDS = 1024
"""Words are counted in so many bins, by a hash."""
MARGIN = 0.05
"""A distance this little above chance is never called drift, however sure it is."""
WORD = re.compile(r"\w+")
NOTHING = "(nothing)"


@dataclass(frozen=True)
class Drift:
    """How far the newest items are from those before.

    ``distance`` is the Jensen-Shannon distance (base 2, in [0, 1]). ``limit`` is
    what 99 of 100 random splits of the same items into parts of the same sizes
    stay below, and at least ``MARGIN`` above the middle of those splits.
    """

    what: str
    recent: int
    before: int
    distance: float | None
    """``None`` with too few items."""
    chance: float | None = None
    limit: float | None = None

    @property
    def drifted(self) -> bool:
        return self.distance is not None and self.limit is not None and self.distance > self.limit


def drifts(session: Session, project_id: int, *, seed: int) -> list[Drift]:
    """Texts as they came in; predicted and accepted labels of the random arm only.

    The strategy chooses the other tasks because they are odd: they would always
    look like drift.
    """
    texts = _texts(session, project_id)
    return [
        measure("words of the texts", [_words(text) for text in texts], seed=seed),
        measure("length of the texts", [[len(text).bit_length()] for text in texts], seed=seed),
        measure("predicted labels", _predicted(session, project_id), seed=seed),
        measure("accepted labels", _accepted(session, project_id), seed=seed),
    ]


def measure(what: str, items: Sequence[Sequence[Hashable]], *, seed: int) -> Drift:
    """The last quarter of ``items`` against those before; each item is the things in it.

    References
    ----------
    Lin (1991), IEEE Transactions on Information Theory 37; Gretton et al. (2012),
    JMLR 13, for the comparison with random splits.
    """
    n = len(items)
    recent = int(n * RECENT_SHARE)
    if recent < LEAST:
        return Drift(what, recent, n - recent, None)
    table = _table(items)
    rng = np.random.default_rng(seed)
    sides = np.zeros((SPLITS + 1, n))
    sides[0, n - recent :] = 1.0
    for row in range(1, SPLITS + 1):
        sides[row, rng.permutation(n)[:recent]] = 1.0
    inside = np.asarray(sides @ table)
    found = distances(inside, np.asarray(table.sum(axis=0)).reshape(1, -1) - inside)
    chance = float(np.median(found[1:]))
    limit = max(float(np.quantile(found[1:], 0.99)), chance + MARGIN)
    return Drift(what, recent, n - recent, float(found[0]), chance, limit)


def distances(one: Counts, other: Counts) -> Counts:
    """Jensen-Shannon distances of rows of counts, shape (rows,), in [0, 1].

    A row without counts is at distance 0 from anything.
    """
    p = one / np.maximum(one.sum(axis=1, keepdims=True), 1e-12)
    q = other / np.maximum(other.sum(axis=1, keepdims=True), 1e-12)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0).sum(axis=1)
        right = np.where(q > 0, q * np.log2(q / middle), 0.0).sum(axis=1)
    both = (one.sum(axis=1) > 0) & (other.sum(axis=1) > 0)
    return np.asarray(np.sqrt(np.clip((left + right) / 2, 0.0, 1.0)) * both)


def _table(items: Sequence[Sequence[Hashable]]) -> sparse.csr_array:
    """How often each thing is in each item."""
    number: dict[Hashable, int] = {}
    rows, columns = [], []
    for row, things in enumerate(items):
        for thing in things:
            rows.append(row)
            columns.append(number.setdefault(thing, len(number)))
    shape = (len(items), max(1, len(number)))
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _words(text: str) -> list[int]:
    return [zlib.crc32(word.encode()) % WORDS for word in WORD.findall(text.lower())]


def _texts(session: Session, project_id: int) -> list[str]:
    """The newest tasks in the order in which they were imported."""
    query = (
        sa.select(sa.func.substr(TaskRow.text, 1, 2000))
        .where(TaskRow.project_id == project_id, TaskRow.deleted.is_(False), TaskRow.text != "")
        .order_by(TaskRow.task_id.desc())
        .limit(MOST)
    )
    return list(session.scalars(query))[::-1]


def _predicted(session: Session, project_id: int) -> list[list[str]]:
    """Of each random task the prediction that was published last, in the order of the draws."""
    query = (
        sa.select(AssignmentRow.task_id, PublicationRow.answer)
        .join(
            PublicationRow,
            (PublicationRow.project_id == AssignmentRow.project_id)
            & (PublicationRow.task_id == AssignmentRow.task_id),
        )
        .where(AssignmentRow.project_id == project_id, AssignmentRow.arm == RANDOM)
        .order_by(AssignmentRow.epoch, PublicationRow.plan_id)
    )
    last = {task_id: _labels(answer) for task_id, answer in session.execute(query)}
    return list(last.values())[-MOST:]


def _accepted(session: Session, project_id: int) -> list[list[str]]:
    query = (
        sa.select(LabelRow.answer)
        .where(LabelRow.project_id == project_id, LabelRow.arm == RANDOM)
        .order_by(LabelRow.created_at.desc())
        .limit(MOST)
    )
    return [_labels(answer) for answer in session.scalars(query)][::-1]


def _labels(answer: Iterable[dict[str, object]]) -> list[str]:
    return [str(mark.get("label")) for mark in answer] or [NOTHING]
