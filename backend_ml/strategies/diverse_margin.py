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


def uncertain(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """The most uncertain few hundred, or a few for each of ``size``; most uncertain first."""
    return largest(margin.utilities(pool), max(CANDIDATES, TIMES * size), rng=rng)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """The task nearest to each centre of the uncertain ones, the most uncertain first.

    Of the most uncertain tasks by :func:`margin.utilities`, as many k-means clusters as
    tasks are asked for; where there are fewer different texts, or very many are asked
    for, each cluster gives more. Where nothing can describe a text, the margin alone;
    before there is a model, a random choice. The batch of one size does not begin with
    the batch of a smaller one.

    References
    ----------
    Zhdanov (2019), arXiv:1901.05954, "Diverse mini-batch active learning".
    """
    if size <= 0 or len(pool) == 0:
        return np.zeros(0, dtype=np.int64)
    candidates = uncertain(pool, size, rng=rng)
    if pool.describe is None or knows_nothing(pool) or len(candidates) <= size:
        return candidates[:size]
    rows = pool.describe(candidates)
    groups = clusters(rows, min(size, MOST_CLUSTERS), rng=rng)
    chosen = in_turns(groups, _distance_to_centre(rows, groups), size)
    return candidates[np.sort(chosen)]  # candidates are in the order of utility


def _distance_to_centre(rows: Matrix, groups: NDArray[np.intp]) -> Vector:
    """Shape (n,): from each row to the mean of its group."""
    count = int(groups.max()) + 1
    centres = np.zeros((count, rows.shape[1]))
    np.add.at(centres, groups, rows)
    centres /= np.maximum(np.bincount(groups, minlength=count), 1)[:, None]
    return np.asarray(np.linalg.norm(rows - centres[groups], axis=1), dtype=np.float64)
