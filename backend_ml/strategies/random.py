"""Every open task is as good as any other: the yardstick, and the unbiased sample."""

from __future__ import annotations

import numpy as np

from backend_ml.pool import Pool, Positions


def select(pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of at most ``size`` tasks drawn uniformly, without repetition."""
    return rng.permutation(len(pool))[: max(size, 0)].astype(np.int64)
