"""Every rate that is shown has an interval; these are the two kinds we show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value in [0, 1] from ``n`` observations, with its 95% interval."""

    value: float
    low: float
    high: float
    n: int


def proportion(successes: int, n: int) -> Estimate | None:
    """Share of successes with its Wilson interval; ``None`` without observations.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22.
    """
    if n == 0:
        return None
    found = stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / n, float(found.low), float(found.high), n)


def mean(values: Sequence[float], *, seed: int = 0, draws: int = 2000) -> Estimate | None:
    """Mean of values in [0, 1] with a percentile bootstrap interval over them.

    With values that are all 0 or 1 this is the Wilson interval, and with a single
    other value it is everything: a bootstrap of equal values would have no width.
    """
    if not values:
        return None
    array = np.asarray(values, dtype=float)
    if np.isin(array, (0.0, 1.0)).all():
        return proportion(int(array.sum()), len(array))
    if len(array) == 1:
        return Estimate(float(array[0]), 0.0, 1.0, 1)
    rng = np.random.default_rng(seed)
    means = rng.choice(array, size=(draws, len(array))).mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(array.mean()), float(low), float(high), len(array))
