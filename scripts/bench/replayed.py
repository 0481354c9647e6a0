"""What the replays of one data set found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend_ml.replaying import RANDOM, Point, labels_to

DEFAULT = "adaptive"
"""The strategy that the settings name by default."""
SHARE = 0.95
"""Of the quality that the learner has with all labels."""
FROM = 100
"""Labels from which on the default must not be worse than random."""


@dataclass
class Curves:
    """What was found for one data set."""

    full: float
    is_cut: bool = False
    """Whether replays ended before all labels were used."""
    runs: dict[str, dict[int, list[Point]]] = field(default_factory=lambda: defaultdict(dict))
    """By strategy and seed."""

    @property
    def curves(self) -> dict[str, list[list[Point]]]:
        """By strategy, in the order of seeds; only of seeds that default and random both have."""
        pairs = set(self.runs[DEFAULT]) & set(self.runs[RANDOM])
        return {
            strategy: [points for seed, points in sorted(found.items()) if seed in pairs]
            for strategy, found in self.runs.items()
            if pairs & set(found)
        }

    @property
    def target(self) -> float:
        return SHARE * self.full

    def labels(self, strategy: str) -> list[int]:
        """Labels to the target, one a seed; all there are where it was not reached."""
        return [_or_all(labels_to(c, self.target), c) for c in self.curves[strategy]]

    def reached(self, strategy: str) -> list[bool]:
        """Whether the target was reached and held, one a seed."""
        return [labels_to(c, self.target) is not None for c in self.curves[strategy]]

    def knows_labels(self, strategy: str) -> bool:
        """Whether every replay has reached the target, or used all labels without."""
        return not self.is_cut or all(self.reached(strategy))

    def at(self, strategy: str, labels: int) -> list[float]:
        """Quality at so many labels, one a seed; none where a curve does not have that size."""
        found = [[p.quality for p in c if p.labels == labels] for c in self.curves[strategy]]
        return [one[0] for one in found if one]


def _or_all(found: int | None, curve: Sequence[Point]) -> int:
    return curve[-1].labels if found is None else found


def worst(curves: Curves) -> float | None:
    """How many standard deviations the default is behind random where it is worst.

    The deviation is that of both strategies' seeds together at that size; ``None``
    with one seed. Sizes that one of them did not reach are left out.
    """
    shared = {p.labels for c in curves.curves[RANDOM] for p in c if p.labels >= FROM}
    gaps = []
    for size in sorted(shared):
        ours, random = curves.at(DEFAULT, size), curves.at(RANDOM, size)
        if min(len(ours), len(random)) < 2:
            continue
        gap = float(np.mean(random) - np.mean(ours))
        deviation = math.sqrt((np.var(ours, ddof=1) + np.var(random, ddof=1)) / 2)
        if deviation == 0.0:
            gaps.append(0.0 if gap <= 0 else math.inf)
        else:
            gaps.append(gap / deviation)
    return max(gaps) if gaps else None
