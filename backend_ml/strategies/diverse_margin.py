"""Ask where the model hesitates, and about different things: uncertain, then spread out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend_ml.pool import Matrix, Pool, Positions, Vector
from backend_ml.strategies import margin
from backend_ml.strategies.base import MOST_CLUSTERS, clusters, in_turns, knows_nothing, largest

CANDIDATES = 300
"""At least so many of the most uncertain tasks are looked at closely."""
TIMES = 5
"""And so many for each task that is asked for."""
LEAST_WEIGHT = 1e-3


def weights_of(utilities: Vector) -> Vector:
    """How much each candidate draws the centre of its cluster: its utility squared.

    Never quite nothing, so that k-means has something to weigh.
    """
    return np.asarray(np.maximum(utilities, LEAST_WEIGHT) ** 2, dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """The task nearest to each centre of the uncertain ones, the most uncertain first.

    Of the most uncertain tasks by :func:`margin.utilities`, a few hundred or a few for
    each of ``size``, as many k-means clusters as tasks are asked for. The more uncertain a
    task is, the more it draws its centre. Where there are fewer different texts, or very
    many are asked for, each cluster gives more. Where nothing can describe a text, the
    margin alone; before there is a model, a random choice. The batch of one size does not
    begin with the batch of a smaller one.

    References
    ----------
    Zhdanov (2019), arXiv:1901.05954, "Diverse mini-batch active learning".
    """
    if size <= 0 or len(pool) == 0:
        return np.zeros(0, dtype=np.int64)
    utilities = margin.utilities(pool)
    candidates = largest(utilities, max(CANDIDATES, TIMES * size), rng=rng)
    if pool.describe is None or knows_nothing(pool) or len(candidates) <= size:
        return candidates[:size]
    rows = pool.describe(candidates)
    weights = weights_of(utilities[candidates])
    groups = clusters(rows, min(size, MOST_CLUSTERS), rng=rng, weights=weights)
    chosen = in_turns(groups, _distance_to_centre(rows, groups, weights), size)
    return candidates[np.sort(chosen)]  # candidates are in the order of utility


def _distance_to_centre(rows: Matrix, groups: NDArray[np.intp], weights: Vector) -> Vector:
    """Shape (n,): from each row to the weighted mean of its group."""
    count = int(groups.max()) + 1
    centres = np.zeros((count, rows.shape[1]))
    np.add.at(centres, groups, rows * weights[:, None])
    centres /= np.maximum(np.bincount(groups, weights=weights, minlength=count), 1e-12)[:, None]
    return np.asarray(np.linalg.norm(rows - centres[groups], axis=1), dtype=np.float64)
