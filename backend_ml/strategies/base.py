"""What every query strategy offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from backend_ml.pool import Pool, Positions, Vector


class Strategy(Protocol):
    """A file of this package: one function."""

    def select(self, pool: Pool, size: int, *, rng: np.random.Generator) -> Positions:
        """At most ``size`` different positions of the pool, the most useful first."""


def largest(utilities: Vector, size: int, *, rng: np.random.Generator) -> Positions:
    """Positions of the ``size`` largest utilities, largest first, ties at random."""
    shuffled = rng.permutation(len(utilities))
    order = np.argsort(-utilities[shuffled], kind="stable")
    return shuffled[order][: max(size, 0)].astype(np.int64)
