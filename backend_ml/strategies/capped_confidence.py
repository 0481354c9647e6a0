"""Ask where the whole answer is least likely to be right, but not the same thing many times."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions
from backend_ml.strategies import least_confidence
from backend_ml.strategies.base import MOST_CLUSTERS, clusters, knows_nothing, largest, turns_of

CANDIDATES = 300
TIMES = 5
CAP = 2
"""A cluster gives so many before one gives more."""


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """The least confident tasks, at most ``CAP`` of each cluster of like texts.

    As many clusters, by k-means among the least confident tasks, as tasks are asked
    for; when all have given ``CAP``, they give more. Made for spans, where long texts
    of one kind would fill a batch; it can do with any answers. Where nothing can
    describe a text, least confidence alone; before there is a model, a random choice.

    References
    ----------
    Culotta & McCallum (2005), AAAI (least confidence for sequences).
    """
    if size <= 0 or len(pool) == 0:
        return np.zeros(0, dtype=np.int64)
    wanted = max(CANDIDATES, TIMES * size)
    candidates = largest(least_confidence.utilities(pool), wanted, rng=rng)
    if pool.describe is None or knows_nothing(pool) or len(candidates) <= size:
        return candidates[:size]
    groups = clusters(pool.describe(candidates), min(size, MOST_CLUSTERS), rng=rng)
    place = np.arange(len(candidates))
    turns = turns_of(groups, place.astype(np.float64)) // CAP
    return np.asarray(candidates[np.lexsort((place, turns))[:size]], dtype=np.int64)
