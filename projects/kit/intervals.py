"""Every rate that is shown has an interval; these are the two kinds we show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

LEVEL = 0.95
FEW = 20
"""Below this many values a bootstrap is too narrow."""
REPEATS = 8
"""From so many values on each distinct one."""
BLOCK = 500_000
"""Values that a bootstrap draws at a time: 4 MB, and as much for their places."""


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
    """Mean of values in [0, 1] with its interval; ``None`` without values.

    Few or equal values get Wilson's interval for a proportion of ``p``, their mean:
    values in [0, 1] vary by at most ``p (1 - p)``, so it is wide enough. A bootstrap
    of them would be far too narrow, or have no width. All others get the percentile
    bootstrap.
    """
    if not values:
        return None
    array = np.asarray(values, dtype=float)
    if np.isin(array, (0.0, 1.0)).all():
        return proportion(int(array.sum()), len(array))
    middle = float(array.mean())
    if len(array) < FEW or array.min() == array.max():
        low, high = _wilson(middle, len(array))
    else:
        means = _bootstrap(array, draws, np.random.default_rng(seed))
        low, high = (float(q) for q in np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return Estimate(middle, low, high, len(array))


def _wilson(p: float, n: int) -> tuple[float, float]:
    """``(p + z²/2n ± z sqrt(p (1 - p)/n + z²/4n²)) / (1 + z²/n)`` (Wilson 1927)."""
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(max(0.0, p * (1 - p)) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _bootstrap(
    array: npt.NDArray[np.float64], draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Means of ``draws`` samples with replacement, a bounded number of values at a time.

    Where few values repeat, it is drawn how often each of them comes, which is the
    same and takes a tenth of the time.
    """
    n = len(array)
    distinct, counts = np.unique(array, return_counts=True)
    repeat = len(distinct) * REPEATS <= n
    rows = max(1, BLOCK // (len(distinct) if repeat else n))
    sizes = [min(rows, draws - first) for first in range(0, draws, rows)]
    if repeat:
        means = [rng.multinomial(n, counts / n, size=size) @ distinct / n for size in sizes]
    else:
        means = [rng.choice(array, size=(size, n)).mean(axis=1) for size in sizes]
    return np.concatenate(means)
