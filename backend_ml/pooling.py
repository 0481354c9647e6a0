"""What the strategy may look at, made of many open tasks in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml.describing import Embedder, describer
from backend_ml.learners.base import Learner
from backend_ml.pool import Matrix, Pool, Positions
from backend_ml.selecting import View
from backend_ml.tables import LabelRow, TaskRow
from projects.kinds.base import Kind
from projects.vocabulary import answer_from_json

CHUNK = 2_000
"""Tasks that are predicted at a time: their answers are not kept, only what a pool has."""
MOST = 100_000
"""So many open tasks are looked at."""
LEAST = 4_000
SECONDS = 3.0
"""A learner that needs longer for more than ``LEAST`` tasks looks at no more of them: people
wait for the batch, and the best of a random part are hardly worse than the best of all."""
NEWEST = 5_000
"""Accepted answers that are looked at, the newest."""
DESCRIBED = 1_000
"""Of those, so many are described: enough to know where nothing is answered yet."""


@dataclass(frozen=True)
class Known:
    """What the accepted answers say of a project."""

    labelled: int
    seen: int
    cardinality: float | None
    texts: tuple[str, ...]


def read_known(session: Session, project_id: int, kind: Kind) -> Known:
    """What has been answered; of more than ``NEWEST`` answers, what the newest say."""
    count = sa.select(sa.func.count()).where(LabelRow.project_id == project_id)
    query = (
        sa.select(LabelRow.answer, TaskRow.text)
        .join_from(
            LabelRow,
            TaskRow,
            (TaskRow.project_id == LabelRow.project_id) & (TaskRow.task_id == LabelRow.task_id),
        )
        .where(LabelRow.project_id == project_id)
        .order_by(LabelRow.updated_at.desc(), LabelRow.task_id)
        .limit(NEWEST)
    )
    rows = [(answer_from_json(answer), text) for answer, text in session.execute(query)]
    marks = [[m.label for m in answer if m.control == kind.control] for answer, _ in rows]
    return Known(
        labelled=session.scalar(count) or 0,
        seen=len({label for one in marks for label in one} & set(kind.labels)),
        cardinality=sum(map(len, marks)) / len(marks) if marks else None,
        texts=tuple(text for _, text in rows[:DESCRIBED]),
    )


def look(
    learner: Learner | None,
    texts: Sequence[str],
    known: Known,
    *,
    classes: int,
    embedder: Embedder | None,
    rng: np.random.Generator,
) -> View:
    """The open tasks as the model sees them; without a learner nothing is known of any.

    Tasks are looked at in random order: all of them, but of very many no more than
    ``MOST``, and no longer than ``SECONDS`` once there are ``LEAST``.
    """
    order = rng.permutation(len(texts))[:MOST].astype(np.int64)
    if learner is None:
        pool = Pool(np.zeros(len(order)))
    else:
        pool = _predicted(learner, texts, order)
    seen = order[: len(pool)]
    ascending = np.argsort(seen)
    pool, positions = pool.take(ascending), np.asarray(seen[ascending], dtype=np.int64)
    every = [*(texts[place] for place in positions), *known.texts]
    describe = describer(every, embedder=embedder, seed=int(rng.integers(2**31)))

    def answered() -> Matrix:
        return describe(np.arange(len(positions), len(every)))

    pool = replace(
        pool,
        describe=describe,
        answered=answered if known.texts else None,
        labelled=known.labelled,
        seen=known.seen,
        classes=classes,
        cardinality=known.cardinality,
    )
    return View(pool, positions)


def _predicted(learner: Learner, texts: Sequence[str], order: Positions) -> Pool:
    """What the learner thinks of the first tasks in ``order``, without its answers."""
    begun = time.monotonic()
    parts: list[Pool] = []
    for first in range(0, len(order), CHUNK):
        if first >= LEAST and time.monotonic() - begun > SECONDS:
            break
        some = [texts[place] for place in order[first : first + CHUNK]]
        parts.append(_compact(learner.predict(some).pool()))
    if not parts:
        return Pool(np.zeros(0))
    return Pool(
        np.concatenate([part.confidence for part in parts]),
        proba=_joined([part.proba for part in parts]),
        marginals=_joined([part.marginals for part in parts]),
        hesitation=_joined([part.hesitation for part in parts]),
        disorder=_joined([part.disorder for part in parts]),
    )


def _compact(pool: Pool) -> Pool:
    def small(rows: Any) -> Any:
        return None if rows is None else np.asarray(rows, dtype=np.float32)

    return replace(pool, proba=small(pool.proba), marginals=small(pool.marginals))


def _joined(parts: Sequence[Any]) -> Any:
    """One array of all; ``None`` when a part has none."""
    return None if any(part is None for part in parts) else np.concatenate(parts)
