"""The default: first what is common, then what the model hesitates about."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions
from backend_ml.strategies import cardinality_margin, diverse_margin, typicality
from backend_ml.strategies.base import Strategy, knows_nothing

A_CLASS = 2
"""So many labels a class end the cold start, if not every class has been seen by then."""
FEW = 40
"""So many labels end it where the classes cannot be listed, or a text can show several of them:
there waiting for the rare ones cost more than it brought."""


def is_cold(pool: Pool) -> bool:
    """Whether a model's doubts say too little yet to choose by."""
    if knows_nothing(pool):
        return True
    if pool.classes == 0 or pool.marginals is not None or _marks_stretches(pool):
        return pool.labelled < FEW
    return pool.seen < pool.classes and pool.labelled < A_CLASS * pool.classes


def warm(pool: Pool) -> Strategy:
    """The strategy for this form of answer once a model can be asked."""
    return diverse_margin if pool.marginals is None else cardinality_margin


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Typical tasks until every class has been seen or two labels a class are there.

    Where any number of labels may be right, and for spans, until there are ``FEW`` answers.

    After that label cardinality times margin where any number of labels may be right, and
    the margin with diversity for all else. Early on a model's doubts lose to a random
    choice, and typical tasks beat both (the figures are in the documentation of the
    benchmark).

    References
    ----------
    Hacohen, Dekel & Weinshall (2022), ICML: which strategy is right depends on the budget.
    """
    strategy = typicality if is_cold(pool) else warm(pool)
    return strategy.select(pool, size, rng=rng)


def _marks_stretches(pool: Pool) -> bool:
    """Whether the model tags the words of a text."""
    return pool.proba is None and (pool.hesitation is not None or pool.disorder is not None)
