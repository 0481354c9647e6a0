"""Ask about what is common, one of each sort: for the time before a model knows anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend_ml.pool import Matrix, Pool, Positions
from backend_ml.strategies import random
from backend_ml.strategies.base import MOST_CLUSTERS, clusters

SAMPLE = 6_000
"""So many open tasks are looked at, drawn at random: enough to see what is common."""
NEIGHBOURS = 20


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """The most typical task of each cluster, clusters without an answer and large ones first.

    Answered and open tasks together are cut into as many k-means clusters as there
    would be answers after the batch. A task is the more typical the nearer its nearest
    neighbours in the cluster are. What a model thinks is not looked at. Where nothing
    can describe a text, a random choice.

    References
    ----------
    Hacohen, Dekel & Weinshall (2022), ICML, "Active learning on a budget" (TypiClust).
    """
    if size <= 0 or pool.describe is None or len(pool) <= size:
        return random.select(pool, size, rng=rng)
    sample = rng.permutation(len(pool))[: max(SAMPLE, 2 * size)].astype(np.int64)
    rows = pool.describe(sample)
    known = np.zeros((0, rows.shape[1])) if pool.answered is None else pool.answered()
    groups = clusters(np.vstack([known, rows]), min(size + len(known), MOST_CLUSTERS), rng=rng)
    covered, groups = groups[: len(known)], groups[len(known) :]
    return sample[_by_turns(rows, groups, covered, size)]


def _by_turns(
    rows: Matrix, groups: NDArray[np.intp], covered: NDArray[np.intp], size: int
) -> Positions:
    """One of each cluster until there are enough; each that was taken counts as answered."""
    count = int(max(groups.max(), covered.max(initial=0))) + 1
    answers = np.bincount(covered, minlength=count)
    members = {int(g): np.flatnonzero(groups == g) for g in np.unique(groups)}
    chosen: list[int] = []
    queues: dict[int, list[int]] = {}
    while len(chosen) < size:
        left = [g for g in members if g not in queues or queues[g]]
        best = min(left, key=lambda g: (answers[g], -len(members[g]), g))
        if best not in queues:
            inside = members[best]
            order = np.argsort(-typicality(rows[inside]), kind="stable")
            queues[best] = [int(position) for position in inside[order]]
        chosen.append(queues[best].pop(0))
        answers[best] += 1
    return np.asarray(chosen, dtype=np.int64)


def typicality(rows: Matrix) -> NDArray[np.float64]:
    """Shape (n,), larger is more typical: the inverse mean distance to the nearest other rows.

    At most ``NEIGHBOURS`` of them count. ``rows``, shape (n, n_features), are of unit
    length or zero. A row without any other has 0.
    """
    n = len(rows)
    if n < 2:
        return np.zeros(n)
    lengths = (rows**2).sum(axis=1)
    squared = lengths[:, None] + lengths[None, :] - 2.0 * (rows @ rows.T)
    np.fill_diagonal(squared, np.inf)
    near = min(NEIGHBOURS, n - 1)
    nearest = np.partition(squared, near - 1, axis=1)[:, :near]
    mean = np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1)
    return np.asarray(1.0 / (mean + 1e-6), dtype=np.float64)
