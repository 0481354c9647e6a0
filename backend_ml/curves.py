"""How good a model gets with more labels, from the labels that are already there.

The labels are split into folds; models learn from growing parts of all folds but
one and are measured on that one. A power law through the errors says what as many
labels again would be worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend_ml import training
from backend_ml.labels import Label
from projects.kinds.base import Kind
from projects.kit import intervals
from projects.kit.errors import PlatformError
from projects.kit.intervals import LEVEL, Estimate

Values = NDArray[np.float64]

FOLDS = 4
LEAST_LABELS = 60
"""With fewer there are not three sizes of which each can teach something."""
LEAST_SIZE = 8
SIZES = 6
WORTH = 0.01
"""A gain below this is not worth doubling the labels for."""
DRAWS = 1000
FLOORS = 21
"""So many shares of the last error are tried as the error that no label takes away."""

Tell = Callable[[], None]
"""Called after every fit, for a progress bar."""


class TooFewLabels(PlatformError):
    """There is not enough to draw a curve from."""

    status = 409

    def __init__(self, labels: int, wanted: int = LEAST_LABELS) -> None:
        super().__init__(labels, wanted)
        self.labels = labels
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"There are {self.labels} labels; this needs at least {self.wanted}. "
            f"Label {self.wanted - self.labels} more."
        )


@dataclass(frozen=True)
class Point:
    """The quality of models that learned from so many labels."""

    labels: int
    quality: Estimate


@dataclass(frozen=True)
class Gain:
    """What doubling the labels is expected to add; it may be negative only by noise."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A learning curve and what it says about more labelling."""

    learner: str
    labels: int
    seeds: int
    points: tuple[Point, ...]
    gain: Gain
    to_labels: int
    """The number of labels that the gain is about."""

    @property
    def verdict(self) -> str:
        """``yes``, ``no`` or ``unclear``: is more labelling worth it?"""
        if self.gain.low > WORTH:
            return "yes"
        return "no" if self.gain.high < WORTH else "unclear"


def fits(seeds: int) -> int:
    """How many models :func:`learning_curve` fits."""
    return seeds * FOLDS * SIZES


def learning_curve(
    kind: Kind, learner: str, labels: Sequence[Label], *, seeds: int = 3, tell: Tell | None = None
) -> Curve:
    """Quality by the number of labels, and the gain that doubling them promises.

    Parameters
    ----------
    learner : str
        A file of ``learners``.
    labels : sequence of Label
        At least ``LEAST_LABELS``.
    seeds : int
        Each shuffles the labels anew: so many curves are averaged.

    Returns
    -------
    Curve
        Quality is the mean agreement with the accepted answers, in [0, 1]. The last
        point is what a model learns from all labels but one fold.

    Raises
    ------
    TooFewLabels
        With fewer labels.
    """
    if len(labels) < LEAST_LABELS:
        raise TooFewLabels(len(labels))
    sizes = sizes_for(len(labels))
    values = np.stack(
        [_one_seed(kind, learner, labels, sizes, seed=seed, tell=tell) for seed in range(seeds)]
    )
    points = []
    for place, size in enumerate(sizes):
        quality = intervals.mean([float(v) for v in values[:, place].mean(axis=0)])
        if quality is not None:
            points.append(Point(size, quality))
    found = gain(values, sizes, len(labels), rng=np.random.default_rng(0))
    return Curve(learner, len(labels), seeds, tuple(points), found, 2 * len(labels))


def sizes_for(labels: int) -> list[int]:
    """Up to ``SIZES`` sizes, each twice the one before, the last all labels but one fold."""
    last = labels - math.ceil(labels / FOLDS)
    sizes = [last // 2**step for step in range(SIZES)]
    return sorted({size for size in sizes if size >= LEAST_SIZE})


def gain(values: Values, sizes: Sequence[int], labels: int, *, rng: np.random.Generator) -> Gain:
    """What twice as many labels are expected to add.

    A power law through the errors and a repetition of the last doubling bracket it:
    curves bend, so the first promises too little early on and the second too much
    later. The value is the middle of both, and the interval holds both.

    Parameters
    ----------
    values : array, shape (seeds, sizes, labels)
        Agreement in [0, 1] of the model of that seed and size with each label.
    sizes : sequence of int
        Ascending, at least two.
    labels : int
        The gain is from this number to twice as many.

    Returns
    -------
    Gain
        From the lower 2.5 percent of the smaller to the upper 2.5 percent of the larger,
        over ``DRAWS`` draws of seeds and labels.

    References
    ----------
    Cortes, Jackel, Solla, Vapnik & Denker (1993), NIPS: the error falls as a power
    of the number of labels towards a floor.
    """
    seeds, _, n = values.shape
    errors = np.empty((DRAWS + 1, len(sizes)))
    errors[0] = 1.0 - values.mean(axis=(0, 2))
    for draw in range(1, DRAWS + 1):
        some = values[rng.integers(seeds, size=seeds)].mean(axis=0)
        errors[draw] = 1.0 - some[:, rng.integers(n, size=n)].mean(axis=1)
    inside: Values = np.clip(errors, 0.5 / n, 1.0)
    law = _doubling(inside, np.asarray(sizes, dtype=np.float64), labels)
    last = (inside[:, -2] - inside[:, -1]) / math.log2(sizes[-1] / sizes[-2])
    value = float(law[0] + last[0]) / 2
    low = np.quantile(np.minimum(law, last)[1:], (1 - LEVEL) / 2)
    high = np.quantile(np.maximum(law, last)[1:], (1 + LEVEL) / 2)
    return Gain(value, float(min(low, value)), float(max(high, value)))


def _doubling(errors: Values, sizes: Values, labels: int) -> Values:
    """Error at ``labels`` less error at twice as many, by the best power law of each row.

    ``error = floor + a * size ** -b``, fitted on the log scale: for each of a few
    floors a straight line, weighted by size, and of those the one that is closest
    to the errors themselves.
    """
    x = np.log(sizes)
    weight = sizes / sizes.sum()
    floors = np.linspace(0.0, 0.95, FLOORS)[:, None, None] * errors.min(axis=1)[None, :, None]
    y = np.log(np.maximum(errors[None] - floors, 1e-6))
    middle = (y * weight).sum(axis=2, keepdims=True)
    centre = float((x * weight).sum())
    spread = float((weight * (x - centre) ** 2).sum())
    slope = ((y - middle) * weight * (x - centre)).sum(axis=2, keepdims=True) / spread
    fitted = floors + np.exp(middle + slope * (x - centre))
    miss = ((fitted - errors[None]) ** 2 * weight).sum(axis=2)
    best = miss.argmin(axis=0)
    rows = np.arange(len(errors))
    m, s = middle[best, rows, 0], slope[best, rows, 0]
    here = np.exp(m + s * (math.log(labels) - centre))
    there = np.exp(m + s * (math.log(2 * labels) - centre))
    return np.asarray(here - there, dtype=np.float64)


def _one_seed(
    kind: Kind,
    learner: str,
    labels: Sequence[Label],
    sizes: Sequence[int],
    *,
    seed: int,
    tell: Tell | None,
) -> Values:
    """Agreement of each size's model with each label, shape (sizes, labels)."""
    order = np.random.default_rng(seed).permutation(len(labels))
    parts = np.array_split(order, FOLDS)
    texts = [label.text for label in labels]
    values = np.zeros((len(sizes), len(labels)))
    for number, part in enumerate(parts):
        rest = np.concatenate([p for other, p in enumerate(parts) if other != number])
        test = [labels[place] for place in part]
        for row, size in enumerate(sizes):
            train = [labels[place] for place in rest[:size]]
            model = training.learn(kind, learner, train, seed=seed, texts=texts)
            found = model.predict([label.text for label in test]).items
            values[row, part] = training.agreements(found, test, kind)
            if tell is not None:
                tell()
    return values
