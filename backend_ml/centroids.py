"""How like the mean embedding of each label's texts a text is, beside a linear machine.

A border needs several texts of a label; a mean says something from the first one on. So
likeness counts much while labels are few, and gives way as they become many: how much is
found on texts that were held out.

References
----------
Rocchio (1971), in The SMART Retrieval System; Snell, Swersky & Zemel (2017), NIPS: classes
as the means of their embeddings. Measured in ``learners/README.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend_ml.pool import Matrix

Floats = NDArray[np.float32]
Targets = NDArray[np.bool_]
Places = NDArray[np.int64]

WEIGHTS = (0.3, 0.6, 1.0, 1.4)
"""What likeness may count, where the distances from the borders count 1."""
MOST_JUDGED = 600_000
"""Held-out texts times labels to judge a weight by: 4,000 texts of 150 labels, 600 of 1,000.
With 1,000 labels and 8,000 texts all of them took more than half of a fit (learners/README.md)."""
FEWEST_JUDGED = 200


@dataclass(frozen=True)
class Blend:
    """Distances from borders and likeness to labels as one score.

    As wide apart as the distances were, so that a text that is near two labels looks as
    torn as before.

    Attributes
    ----------
    means : array of float32, shape (n_dimensions, n_labels)
    slope, offset : of the distances
    """

    means: Floats
    slope: float
    offset: float

    def of(self, distances: Matrix, embeddings: Floats) -> Matrix:
        """Scores, shape (n_texts, n_labels)."""
        return self.slope * distances + self.offset + embeddings @ self.means


def fit(
    embeddings: Floats,
    targets: Targets,
    held: Places,
    distances: Matrix,
    *,
    folds: int,
    loss: Callable[[Matrix, Places], float],
) -> tuple[Blend | None, Matrix]:
    """The blend with the least loss on held-out texts, and their scores under it.

    Parameters
    ----------
    embeddings : shape (n_texts, n_dimensions)
    targets : shape (n_texts, n_labels)
    held : the texts that were held out, fold after fold
    distances : shape (n_held, n_labels)
        Of these, from borders that did not train on them; minus infinity where a label was
        not learned.
    loss : of scores like ``distances``, but only of some rows, and which these are

    Returns
    -------
    Blend or None
        ``None`` where distances alone are best.
    scores : array, shape (n_held, n_labels)
    """
    likeness = out_of_fold(embeddings, targets, held, folds=folds)
    known = np.isfinite(distances)
    wide, alike = spread(distances, known), spread(likeness, known)
    if not wide or not alike:
        return None, distances
    judged = evenly(len(held), max(FEWEST_JUDGED, MOST_JUDGED // targets.shape[1]))
    best, blend, scores = loss(distances[judged], judged), None, distances
    middle = float(distances[known].mean())
    whole = means(embeddings, targets)
    for weight in WEIGHTS:
        scale = weight * wide / alike
        slope = wide / spread(np.where(known, distances, 0.0) + scale * likeness, known)
        some = slope * (distances - middle) + middle + slope * scale * likeness
        found = loss(some[judged], judged)
        if found < best:
            by = np.float32(slope * scale)
            best, scores = found, some
            blend = Blend(by * whole, slope, (1.0 - slope) * middle)
    return blend, scores


def means(embeddings: Floats, targets: Targets) -> Floats:
    """The direction of each label, less what all labels have in common.

    Returns
    -------
    array of float32, shape (n_dimensions, n_labels)
        Zeros for a label without a text: no text is like it or unlike it.
    """
    sums = embeddings.T @ targets.astype(np.float32)
    lengths = np.linalg.norm(sums, axis=0)
    known = lengths > 0
    found: Floats = np.divide(sums, lengths, out=np.zeros_like(sums), where=known)
    if known.any():
        found[:, known] -= found[:, known].mean(axis=1, keepdims=True)
    return found


def out_of_fold(embeddings: Floats, targets: Targets, held: Places, *, folds: int) -> Matrix:
    """Likeness of held-out texts to means that they are no part of, shape (n_held, n_labels).

    Each of so many parts of them, in their order, beside the means of all other texts.
    """
    scores = np.zeros((len(held), targets.shape[1]))
    for part in np.array_split(np.arange(len(held)), folds):
        rest = np.delete(np.arange(len(targets)), held[part])
        scores[part] = embeddings[held[part]] @ means(embeddings[rest], targets[rest])
    return scores


def evenly(n: int, most: int) -> Places:
    """All of ``n`` places, or ``most`` of them that lie evenly among all."""
    return np.linspace(0, n, min(n, most), endpoint=False, dtype=np.int64)


def spread(scores: Matrix, known: NDArray[np.bool_]) -> float:
    """How far scores are from the mean of their row: a standard deviation over those known."""
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    middle = np.where(known, scores, 0.0).sum(axis=1, keepdims=True) / counts
    squares = np.where(known, scores - middle, 0.0) ** 2
    return float(np.sqrt(squares.sum() / max(1, known.sum())))
