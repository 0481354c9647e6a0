"""Ask where the model's opinion is spread most widely."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from backend_ml.pool import Compact, Pool, Positions, Vector
from backend_ml.strategies.base import largest


def utilities(pool: Pool) -> Vector:
    """Entropy in nats, not negative; larger is better.

    With class probabilities, of the class. With a probability a label, the mean over
    labels of the entropy of yes and no. For spans, the mean over tokens of the entropy
    of the tag. Where a model gives none of these, of right and wrong with the
    confidence as the chance of right, counted as most where it is below one half;
    before there is a model all are equal, so the choice is random.

    References
    ----------
    Shannon (1948). Settles & Craven (2008), EMNLP (mean token entropy).
    """
    if pool.proba is not None and pool.proba.shape[1] >= 2:
        return np.asarray(entr(pool.proba).sum(axis=1), dtype=np.float64)
    if pool.marginals is not None and pool.marginals.shape[1] >= 1:
        return np.asarray(_of_yes_and_no(pool.marginals).mean(axis=1), dtype=np.float64)
    if pool.disorder is not None:
        return np.asarray(pool.disorder, dtype=np.float64)
    # Below one half the two-way entropy falls again; a model less sure is still worth more.
    sure = np.maximum(pool.confidence, 0.5)
    return np.asarray(_of_yes_and_no(sure) + (sure - pool.confidence), dtype=np.float64)


def _of_yes_and_no(chance: Compact) -> Vector:
    return np.asarray(entr(chance) + entr(1.0 - chance), dtype=np.float64)


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` tasks of largest utility, largest first."""
    return largest(utilities(pool), size, rng=rng)
