"""What every query strategy offers, and what several of them share."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from backend_ml.pool import Matrix, Pool, Positions, Vector

MOST_CLUSTERS = 500
"""More would take minutes; a larger batch takes several tasks of each."""


class Strategy(Protocol):
    """A file of this package: one function."""

    def select(self, pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
        """At most ``size`` different positions of the pool, the most useful first."""


def largest(utilities: Vector, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` largest utilities, largest first, ties at random."""
    shuffled = rng.permutation(len(utilities))
    order = np.argsort(-utilities[shuffled], kind="stable")
    return shuffled[order][: max(size, 0)].astype(np.int64)


def knows_nothing(pool: Pool) -> bool:
    """Whether no model has said anything of any task: every confidence is 0."""
    told = (pool.proba, pool.marginals, pool.hesitation, pool.disorder)
    return not pool.confidence.any() and all(one is None for one in told)


def clusters(
    rows: Matrix, count: int, *, rng: np.random.Generator, weights: Vector | None = None
) -> NDArray[np.intp]:
    """The number of the cluster of each row: at most ``count`` by k-means, fewer of like rows.

    Parameters
    ----------
    rows : array, shape (n, n_features), n >= 1
        Of unit length or zero, so that distance is likeness.
    weights : array, shape (n_rows,), optional
        How much each row draws a centre, not negative; without them all draw alike.

    References
    ----------
    Arthur & Vassilvitskii (2007), SODA (where the centres start).
    """
    different, place = np.unique(rows.round(5), axis=0, return_inverse=True)
    place = place.reshape(-1)
    drawn = None if weights is None else np.bincount(place, weights=weights)
    count = min(count, MOST_CLUSTERS)
    if len(different) <= count:
        return np.asarray(place, dtype=np.intp)
    seed = int(rng.integers(2**31))
    machine = KMeans(count, n_init=1, max_iter=20, tol=1e-3, random_state=seed)
    found = machine.fit_predict(different, sample_weight=drawn)
    return np.asarray(found[place], dtype=np.intp)


def turns_of(groups: NDArray[np.intp], ranks: Vector) -> Positions:
    """How many of its own group come before each position; a smaller rank comes first."""
    turns = np.empty(len(groups), dtype=np.int64)
    met: dict[int, int] = {}
    for position in np.argsort(ranks, kind="stable"):
        group = int(groups[position])
        turns[position] = met[group] = met.get(group, -1) + 1
    return turns


def in_turns(groups: NDArray[np.intp], ranks: Vector, size: int) -> Positions:
    """The best of every group, then the second of every group, and so on.

    ``ranks``, shape (n,), says who is best, in a group and in a turn: smaller is
    better. Returns at most ``size`` positions.
    """
    turns = turns_of(groups, ranks)
    best_first = np.lexsort((ranks, turns))
    return np.asarray(best_first[: max(size, 0)], dtype=np.int64)
