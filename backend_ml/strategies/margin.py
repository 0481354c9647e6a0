"""Ask where the model hesitates between its two best answers."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions, Vector
from backend_ml.strategies.base import largest


def utilities(pool: Pool) -> Vector:
    """How much each task would teach us, in [0, 1]; larger is better.

    What the model itself says of its hesitation, if it does: for spans that is one
    minus the smallest gap between the two best tags of a token. Else, with class
    probabilities, one minus the gap between the two best classes, and with a
    probability a label, one minus the smallest gap between a label's yes and no. Where
    a model gives none of these, one minus the confidence; before there is a model all
    are equal, so the choice is random.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), Advances in Intelligent Data Analysis.
    """
    if pool.hesitation is not None:
        return np.asarray(pool.hesitation, dtype=np.float64)
    if pool.proba is not None and pool.proba.shape[1] >= 2:
        two_best = np.asarray(np.partition(pool.proba, -2, axis=1)[:, -2:], dtype=np.float64)
        return np.asarray(1.0 - (two_best[:, 1] - two_best[:, 0]), dtype=np.float64)
    if pool.marginals is not None and pool.marginals.shape[1] >= 1:
        gaps = np.abs(np.asarray(pool.marginals, dtype=np.float64) * 2.0 - 1.0)
        return np.asarray(1.0 - gaps.min(axis=1), dtype=np.float64)
    return np.asarray(1.0 - pool.confidence, dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` tasks of largest utility, largest first."""
    return largest(utilities(pool), size, rng=rng)
