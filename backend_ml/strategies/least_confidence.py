"""Ask where the model's answer is least likely to be right."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions, Vector
from backend_ml.strategies.base import largest


def utilities(pool: Pool) -> Vector:
    """One minus the probability that the whole answer is right, in [0, 1]; larger is better.

    Of one class, of several labels and of spans alike: for spans it is one minus the
    probability of the best labelling of the text. Before there is a model all are
    equal, so the choice is random.

    References
    ----------
    Lewis & Gale (1994), SIGIR. Culotta & McCallum (2005), AAAI (for sequences).
    """
    return np.asarray(1.0 - pool.confidence, dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` tasks of largest utility, largest first."""
    return largest(utilities(pool), size, rng=rng)
