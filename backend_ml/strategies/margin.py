"""Ask where the model hesitates between its two best answers."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions, Vector
from backend_ml.strategies.base import largest


def utilities(pool: Pool) -> Vector:
    """How much each task would teach us, in [0, 1]; larger is better.

    With class probabilities, one minus the gap between the two best classes.
    Without them (spans), one minus the probability of the best labelling of the
    whole text: the gap to every other labelling taken together.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), Advances in Intelligent Data Analysis.
    Culotta & McCallum (2005), AAAI (least confidence for sequences).
    """
    if pool.proba is None or pool.proba.shape[1] < 2:
        return 1.0 - pool.confidence
    two_best = np.partition(pool.proba, -2, axis=1)[:, -2:]
    return np.asarray(1.0 - (two_best[:, 1] - two_best[:, 0]), dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` tasks of largest utility, largest first."""
    return largest(utilities(pool), size, rng=rng)
