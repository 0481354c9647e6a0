"""Ask where the number of labels is odd and one of them is close: for several labels a text."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions, Vector
from backend_ml.strategies import margin
from backend_ml.strategies.base import largest

LIKELY = 0.5
LITTLE = 0.1
"""What an inconsistency of 0 counts as."""


def utilities(pool: Pool) -> Vector:
    """Label-cardinality inconsistency times margin, not negative; larger is better.

    The inconsistency is the distance between the number of labels that the model
    would give and the number that accepted answers have on average; the margin is
    :func:`margin.utilities`, one minus the smallest gap between a label's yes and no.
    A text with as many labels as usual keeps a little, so that among those the margin
    decides. Where any number of labels cannot be right, or no answer is known, the
    margin alone.

    References
    ----------
    Li & Guo (2013), IJCAI, "Active learning with multi-label SVM classification".
    """
    close = margin.utilities(pool)
    if pool.marginals is None or pool.cardinality is None:
        return close
    given = (pool.marginals >= LIKELY).sum(axis=1)
    odd = np.abs(given - pool.cardinality)
    return np.asarray((odd + LITTLE) * close, dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` tasks of largest utility, largest first."""
    return largest(utilities(pool), size, rng=rng)
