"""Probabilities that say how often they are right, and how far they are from that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from backend_ml.pool import Matrix, Vector
from projects.kit.intervals import LEVEL, Estimate

Line = tuple[float, float]
"""Slope and offset."""
NO_SHARES: Line = (4.0, 2.0)
"""For distances of a linear machine, before anything is known of them."""
NO_CHANGE: Line = (1.0, 0.0)
BINS = 15
DRAWS = 500
BLOCK = 500_000
"""Resampled values held at a time: 4 MB."""


def softmax(scores: Matrix) -> Matrix:
    """Rows of positive numbers that sum to 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


def shares(scores: Matrix, line: Line) -> Matrix:
    """Distances from the border of each class to probabilities, rows summing to 1.

    ``sigmoid(slope * distance + offset)`` of each class, divided by the sum of its row
    (Zadrozny & Elkan 2002, KDD). Where no class is near its border this is ``softmax`` with
    a temperature; a text deep inside of two classes is not torn further than one that is
    just inside of both.
    """
    slope, offset = line
    return softmax(np.asarray(-np.logaddexp(0.0, -(slope * scores + offset))))


def torn(scores: Matrix) -> Vector:
    """How near the two best classes are: one minus the gap of their shares under ``NO_SHARES``.

    This is for choosing what to ask, and the same line for every model on purpose. The
    line of :func:`fit_shares` is three to four times steeper with many classes: right for
    the probability of the best class, but a text that is inside of two borders, however
    far, then looks like a tie. Chosen by these gaps instead, clinc150 needs fewer labels
    (the documentation of the benchmark).

    ``scores`` has shape (n, n_classes); with one class nothing is torn.
    """
    if scores.shape[1] < 2:
        return np.zeros(len(scores))
    slope, offset = NO_SHARES
    inside = 0.5 * (1.0 + np.tanh(0.5 * (slope * scores + offset)))
    two_best = np.partition(inside, -2, axis=1)[:, -2:]
    gaps = (two_best[:, 1] - two_best[:, 0]) / np.maximum(inside.sum(axis=1), 1e-12)
    return np.asarray(1.0 - gaps, dtype=np.float64)


def fit_shares(
    scores: Matrix, truth: Sequence[int], *, of: Callable[[Matrix, Line], Matrix] = shares
) -> Line:
    """Slope and offset under which :func:`shares` says how often it is right.

    Parameters
    ----------
    scores : array, shape (n, n_columns)
        From folds that did not train on the row.
    truth : columns of the true classes; -1 where it is none of them
        Such a row can only be wrong, and asks for the same doubt about every class.
    of : the way from distances and a line to rows of probabilities

    Returns
    -------
    slope, offset
        ``NO_SHARES`` with fewer than ten rows.

    Notes
    -----
    The truth is softened by one part in ``n + 2``, as in Platt (1999), so that a
    set without a mistake does not promise certainty; a weak pull towards
    ``NO_SHARES`` keeps a few rows from changing much. Measured beside one temperature
    in ``learners/README.md``: the calibration error is a half to two thirds.
    """
    if len(truth) < 10:
        return NO_SHARES
    columns = np.asarray(truth)
    n, classes = of(scores, NO_SHARES).shape
    doubt = 1.0 / (n + 2.0)
    target = np.full((n, classes), doubt / (classes - 1))
    target[columns >= 0, columns[columns >= 0]] = 1.0 - doubt
    target[columns < 0] = 1.0 / classes
    start = np.array([np.log(NO_SHARES[0]), NO_SHARES[1]])

    def loss(place: Vector) -> float:
        proba = of(scores, (float(np.exp(place[0])), float(place[1])))
        pull = 0.01 * float(((place - start) ** 2).sum())
        return float(-(target * np.log(proba + 1e-12)).sum() + pull) / n

    bounds = [(-3.0, 5.0), (-20.0, 40.0)]
    found = optimize.minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
    return float(np.exp(found[0])), float(found[1])


def log_loss(given: Matrix | Vector) -> float:
    """Mean of ``-ln p`` of the probabilities that were given to what came true; 0 of none."""
    return float(-np.log(given + 1e-12).mean()) if given.size else 0.0


def fit_logit_line(confidence: Vector, right: Sequence[bool], *, slope_pull: float = 1.0) -> Line:
    """Slope and offset on the logit scale under which ``confidence`` is honest.

    Both get a weak pull towards no change, so that a few observations change
    little, the slope one of ``slope_pull``; a slope is never negative. ``confidence``
    must come from texts that were not trained on.

    References
    ----------
    Platt (1999), Advances in Large Margin Classifiers.
    """
    x = logit(confidence)
    y = np.asarray(right, dtype=np.float64)

    def loss(line: Vector) -> float:
        z = line[0] * x + line[1]
        pull = slope_pull * (line[0] - 1.0) ** 2 + line[1] ** 2
        return float((np.logaddexp(0.0, z) - y * z).sum() + pull)

    found = optimize.minimize(loss, np.array([1.0, 0.0]), bounds=[(0.05, 5.0), (-6.0, 6.0)])
    return float(found.x[0]), float(found.x[1])


def logit(confidence: Vector) -> Vector:
    """Log odds, with certainty cut to one in a million."""
    inside = np.clip(confidence, 1e-6, 1.0 - 1e-6)
    return np.asarray(np.log(inside / (1.0 - inside)), dtype=np.float64)


def on_line(confidence: Vector, line: Line) -> Vector:
    """Apply what :func:`fit_logit_line` found."""
    return np.asarray(1.0 / (1.0 + np.exp(-(line[0] * logit(confidence) + line[1]))))


def off_line(confidence: Vector, line: Line) -> Vector:
    """What :func:`on_line` was given; the slope must not be 0."""
    return np.asarray(1.0 / (1.0 + np.exp(-(logit(confidence) - line[1]) / line[0])))


@dataclass(frozen=True)
class Several:
    """Probabilities where any number of labels may be right.

    All labels share one line from distances to log odds, since a label of few examples
    has too few for a line of its own. The probability that all are decided rightly would
    be a product if labels had nothing to do with each other; a second line makes that
    product honest.
    """

    each: Line = (3.0, 0.0)
    whole: Line = NO_CHANGE

    def marginals(self, scores: Matrix) -> Matrix:
        """The probability of each label; of a distance of minus infinity it is 0."""
        slope, offset = self.each
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (slope * scores + offset))))

    def confidence(self, marginals: Matrix) -> Vector:
        """The probability that exactly the labels above one half are right."""
        return on_line(np.maximum(marginals, 1.0 - marginals).prod(axis=1), self.whole)


def fit_several(scores: Matrix, targets: NDArray[np.bool_]) -> Several:
    """Both lines, from distances of texts that were not trained on.

    ``scores`` and ``targets`` have shape (n_texts, n_labels); a label that its fold
    could not learn is minus infinity.
    """
    start = Several()
    if not len(scores):
        return start
    known = np.isfinite(scores)
    slope, offset = fit_logit_line(start.marginals(scores[known]), targets[known].tolist())
    several = Several((slope * start.each[0], offset))
    marginals = several.marginals(scores)
    right = ((marginals > 0.5) == targets).all(axis=1)
    whole = fit_logit_line(several.confidence(marginals), right.tolist())
    return Several(several.each, whole)


def expected_calibration_error(
    confidence: Vector, right: Sequence[bool], *, seed: int = 0
) -> Estimate | None:
    """How far confidence is from the share that is right, on average; 0 is honest.

    Confidences are put into bins of equal width, at most ``BINS`` and at least ten
    texts a bin on average. The error is the mean gap between a bin's mean confidence
    and the share of it that is right, weighted by the bin's size.

    Parameters
    ----------
    confidence : array, shape (n,), in [0, 1]
    right : whether the answer of the same place was right
    seed : of the bootstrap

    Returns
    -------
    Estimate or None
        ``None`` without texts. An average of absolute gaps is too large when there are
        few texts, and larger still in a resample. So the interval reaches as far to both
        sides as the upper end of the percentile bootstrap (``DRAWS`` draws), and its lower
        end is 0 when a model that is honest with these confidences would show such an
        error by chance (at most the 97.5th percentile of ``DRAWS`` such draws).

    Raises
    ------
    ValueError
        When the two do not pair.

    References
    ----------
    Naeini, Cooper & Hauskrecht (2015), AAAI; Guo et al. (2017), ICML. For the draws of
    an honest model: Broecker & Smith (2007), Weather and Forecasting 22.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    if len(sure) != len(right):
        raise ValueError(f"{len(sure)} confidences for {len(right)} answers")
    gap, n = sure - np.asarray(right, dtype=np.float64), len(sure)
    if n == 0:
        return None
    bins = min(BINS, max(1, n // 10))
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    value = float(_mean_gaps(gap[None], place[None], bins)[0])
    again, honest = [], []
    for rng, size in _draws(n, seed):
        picked = rng.integers(0, n, size=(size, n))
        again.append(_mean_gaps(gap[picked], place[picked], bins))
        by_chance = sure - (rng.random((size, n)) < sure)
        honest.append(_mean_gaps(by_chance, np.broadcast_to(place, (size, n)), bins))
    top = (1 + LEVEL) / 2
    reach = max(0.0, float(np.quantile(np.concatenate(again), top)) - value)
    chance = float(np.quantile(np.concatenate(honest), top))
    low = 0.0 if value <= chance else max(0.0, value - reach)
    return Estimate(value, low, min(1.0, value + reach), n)


def _draws(n: int, seed: int) -> Iterator[tuple[np.random.Generator, int]]:
    """``DRAWS`` draws of ``n`` values, in blocks that fit into little memory."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // n)
    for first in range(0, DRAWS, rows):
        yield rng, min(rows, DRAWS - first)


def _mean_gaps(gaps: Matrix, places: Matrix, bins: int) -> Vector:
    """Of each row of texts: the sum over its bins of their absolute summed gap, over n."""
    count, n = gaps.shape
    cells = (places + bins * np.arange(count)[:, None]).ravel()
    sums = np.bincount(cells, weights=gaps.ravel(), minlength=count * bins)
    return np.asarray(np.abs(sums.reshape(count, bins)).sum(axis=1) / n)
