"""A linear machine over the features of texts: one column of coefficients a label."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from backend_ml import centroids, dual, embeddings, text_features, word_means
from backend_ml.centroids import Blend
from backend_ml.embeddings import Embedder
from backend_ml.pool import Matrix
from backend_ml.text_features import Weights
from backend_ml.word_means import WordMeans

Floats = NDArray[np.float32]
Targets = NDArray[np.bool_]
Places = NDArray[np.int64]

MOST_CELLS = 16_000_000
"""Features times labels: 64 MB of coefficients."""
MOST_WORK = 20_000_000_000
"""Numbers that one fit may touch, about a minute. Counted and not timed, so that the same
seed gives the same model on a busy machine."""
FEWEST_ROUNDS, MOST_ROUNDS = 20, 1000
TOLERANCE = 1e-2
"""Ten times finer changed no accuracy by more than .1 points, and took twice the rounds."""
FOLDS = 4
MOST_TO_FOLD = 2000
"""With more texts a fifth of them, once, says as much about calibration."""
PASSES = 3
EMBEDDING_SCALE = 2.0
"""The length of an embedding; words and pieces of words beside it have 1.4 (learners/README.md)."""
PASSES_FROM_NOTHING = 3
MOST_HELD_OUT = 4_000
"""More would make calibration no better."""
MANY_LABELS = 40
"""With fewer, one border at a time is faster than all at once."""


class Columns(Protocol):
    """What else is known of texts."""

    def columns(self, texts: Sequence[str]) -> Floats:
        """A row a text, shape (n_texts, n_columns); as many columns for any texts."""


@dataclass(frozen=True)
class Inputs:
    """Texts to rows: words and pieces of words, and beside them what else there is."""

    weights: Weights
    embedder: Embedder | None = None
    more: Columns | None = None
    scale: float = EMBEDDING_SCALE
    means: WordMeans | None = None
    """Where there is no embedder: of the words of the project's own texts. No part of the rows."""

    def matrix(self, texts: Sequence[str]) -> Any:
        """Sparse float32 rows, shape (n_texts, n_inputs)."""
        rows = self.weights.matrix(texts)
        dense = []
        if self.embedder is not None:
            dense.append(self.embedder.embed(texts) * np.float32(self.scale))
        if self.more is not None:
            dense.append(self.more.columns(texts))
        if not dense:
            return rows
        beside = [sparse.csr_matrix(part) for part in dense]
        return sparse.hstack([rows, *beside], format="csr", dtype=np.float32)

    def embedded(self, rows: Any, texts: Sequence[str]) -> Floats:
        """What texts are about, shape (n_rows, n_dimensions); without columns if nothing tells.

        ``rows`` are of ``texts``, and maybe of more that have no text: then they are zero.
        """
        if self.means is not None:
            found = np.zeros((rows.shape[0], self.means.width), dtype=np.float32)
            found[: len(texts)] = self.means.embed(texts)
            return found
        width = 0 if self.embedder is None else self.embedder.width
        first = len(self.weights)
        return np.asarray(rows[:, first : first + width].toarray())


@dataclass(frozen=True)
class Machine:
    """What was learned; never changed, so that threads may share it.

    Attributes
    ----------
    coefficients : array of float32, shape (n_inputs, n_labels)
    offsets : array of float32, shape (n_labels,)
    blend : with how like each label's texts a text is, where it has an embedding
        Apart from the borders, because what a text holds in the dual is read from its
        distance.
    """

    inputs: Inputs
    coefficients: Floats
    offsets: Floats
    blend: Blend | None = None

    def decide(self, texts: Sequence[str]) -> Matrix:
        """Distances from each label's border, shape (n_texts, n_labels); above 0 is inside.

        Blended with likeness, where that helps.
        """
        rows = self.inputs.matrix(texts)
        found = self.distances(rows)
        if self.blend is None:
            return found
        return self.blend.of(found, self.inputs.embedded(rows, texts))

    def distances(self, rows: Any) -> Matrix:
        """From the borders alone, of rows that :class:`Inputs` made."""
        return np.asarray(rows @ self.coefficients + self.offsets, dtype=np.float64)


def means_of(texts: Sequence[str], *, seed: int) -> WordMeans | None:
    """What words are about in these texts; ``None`` where sentence embeddings say it better."""
    return word_means.find(texts, seed=seed) if embeddings.current() is None else None


def inputs_of(
    texts: Sequence[str],
    *,
    labels: int,
    more: Columns | None = None,
    means: WordMeans | None = None,
) -> Inputs:
    """Inputs that suit these texts, few enough for so many labels."""
    most = max(1, MOST_CELLS // max(1, labels))
    return Inputs(text_features.weigh(texts, most=most), embeddings.current(), more, means=means)


def as_targets(columns: Sequence[Sequence[int]], labels: int) -> Targets:
    """Which labels each text has, from their columns: shape (n_texts, labels)."""
    found = np.zeros((len(columns), labels), dtype=np.bool_)
    for row, some in enumerate(columns):
        found[row, some] = True
    return found


def train(inputs: Inputs, rows: Any, targets: Targets, *, seed: int) -> Machine:
    """One border a label, each between the texts that have it and the rest.

    A linear support vector machine with the squared hinge and ``C = 1``.

    Parameters
    ----------
    rows : from ``inputs``, shape (n_texts, n_inputs)
    targets : shape (n_texts, n_labels)
        Whether the text has the label. A label that no text has, or that all have,
        keeps a border far away from everything.
    """
    some = _told_apart(targets)
    if len(some) > 2 and (targets.sum(axis=1) == 1).all():
        truth = targets.argmax(axis=1)
        return _machine(inputs, targets, *_borders(rows, truth, labels=targets.shape[1], seed=seed))
    coefficients = np.zeros((rows.shape[1], len(some)), dtype=np.float32)
    offsets = np.zeros(len(some), dtype=np.float32)
    for place, column in enumerate(some):
        found, ends = _borders(rows, targets[:, column], labels=len(some), seed=seed)
        coefficients[:, place], offsets[place] = found[:, 0], ends[0]
    return _machine(inputs, targets, coefficients, offsets)


def _told_apart(targets: Targets) -> Places:
    """The labels that some texts have and others have not."""
    return np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0))


def _machine(inputs: Inputs, targets: Targets, found: Floats, ends: Floats) -> Machine:
    """With the borders of labels told apart, and far ones for what all texts have, or none."""
    some = _told_apart(targets)
    coefficients = np.zeros((len(found), targets.shape[1]), dtype=np.float32)
    offsets = np.where(targets.all(axis=0), 1.0, -1.0).astype(np.float32)
    coefficients[:, some], offsets[some] = found, ends
    return Machine(inputs, coefficients, offsets)


def _borders(rows: Any, truth: NDArray[Any], *, labels: int, seed: int) -> tuple[Floats, Floats]:
    rounds = MOST_WORK // max(1, rows.nnz * labels)
    machine = LinearSVC(
        tol=TOLERANCE,
        max_iter=int(min(MOST_ROUNDS, max(FEWEST_ROUNDS, rounds))),
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the bound is ours
        warnings.filterwarnings("ignore", "The number of unique classes")  # few texts a label
        machine.fit(rows, truth)
    return machine.coef_.T.astype(np.float32), machine.intercept_.astype(np.float32)


def out_of_fold(
    inputs: Inputs, rows: Any, targets: Targets, *, seed: int, given: int = 0
) -> tuple[Matrix, Places]:
    """Distances of texts from machines that did not train on them, and which texts.

    Each of ``FOLDS`` parts under a machine of the others; of many texts one fifth
    under a machine of the rest; of fewer than ``2 * FOLDS`` none. A label that the
    machine could not learn is minus infinity. The last ``given`` rows are in every
    training and are never held out.
    """
    n, labels = len(targets) - given, targets.shape[1]
    order = np.random.default_rng(seed).permutation(n).astype(np.int64)
    if n < 2 * FOLDS:
        return np.zeros((0, labels)), order[:0]
    parts = [order[: n // 5]] if n > MOST_TO_FOLD else np.array_split(order, FOLDS)
    scores = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(targets)), part)
        machine = train(inputs, rows[rest], targets[rest], seed=seed)
        known = targets[rest].any(axis=0)
        scores.append(np.where(known, machine.distances(rows[part]), -np.inf))
    return np.vstack(scores), np.concatenate(parts)


def filled(scores: Matrix) -> Matrix:
    """A label that a fold could not learn gets the least distance of its row."""
    known = np.isfinite(scores)
    least = np.where(known, scores, np.inf).min(axis=1, initial=1e6, keepdims=True)
    return np.asarray(np.where(known, scores, least))


def learn(
    inputs: Inputs, rows: Any, targets: Targets, *, seed: int, given: int = 0
) -> tuple[Machine, Matrix, Places]:
    """The machine of all texts, and distances of some under machines that did not see them.

    The latter as of :func:`out_of_fold`, which also says what ``given`` is. With many
    texts and labels one ascent gives both: it stops before the held-out texts, for
    their distances, and goes on with them.
    """
    if len(targets) - given <= MOST_TO_FOLD or targets.shape[1] < MANY_LABELS:
        scores, held = out_of_fold(inputs, rows, targets, seed=seed, given=given)
        return train(inputs, rows, targets, seed=seed), scores, held
    order = np.random.default_rng(seed).permutation(len(targets) - given).astype(np.int64)
    held = order[: min(len(order) // 5, MOST_HELD_OUT)]
    some = _told_apart(targets)
    passes = int(np.clip(MOST_WORK // (rows.nnz * len(some) + 1), 2, PASSES_FROM_NOTHING))
    borders, near = dual.fit(rows, targets[:, some], held, passes=passes, seed=seed)
    machine = _machine(inputs, targets, borders.coefficients, borders.offsets)
    scores = np.full((len(held), targets.shape[1]), -np.inf)
    known = np.asarray(np.delete(targets, held, axis=0).any(axis=0))
    scores[:, known] = machine.offsets[known]
    scores[:, some[known[some]]] = near[:, known[some]]
    return machine, scores, held


def with_likeness(
    machine: Machine,
    embedded: Floats,
    targets: Targets,
    held: Places,
    scores: Matrix,
    *,
    loss: Callable[[Matrix, Places], float],
) -> tuple[Machine, Matrix]:
    """The machine blended with likeness to labels, where texts are embedded and it helps.

    Takes and gives what :func:`learn` gave: a machine, and scores of held-out texts.
    """
    if not embedded.shape[1]:
        return machine, scores
    blend, scores = centroids.fit(embedded, targets, held, scores, folds=FOLDS, loss=loss)
    return replace(machine, blend=blend), scores


def learn_more(
    machine: Machine,
    texts: Sequence[str],
    targets: Targets,
    *,
    replayed: NDArray[np.bool_],
    seed: int,
) -> Machine:
    """The machine after some more texts, and some of the old ones again.

    Goes on where the fit ended: an ascent in the dual (:mod:`backend_ml.dual`) over
    these texts only. What an old text holds in the dual is known from its distance,
    because at the end of a fit it is ``2 C`` times its hinge; a new text holds nothing
    yet. Features that were never seen before are added.

    Parameters
    ----------
    targets : shape (n_texts, n_labels)
    replayed : shape (n_texts,)
        Which of the texts the machine was trained on.
    """
    fresh = [text for text, old in zip(texts, replayed, strict=True) if not old]
    machine = _widened(machine, fresh)
    rows, signs = machine.inputs.matrix(texts), dual.sides(targets)
    held = dual.holds(machine.distances(rows), signs)
    held[~replayed] = 0.0
    borders = dual.Borders(machine.coefficients.copy(), machine.offsets.copy(), held)
    rng = np.random.default_rng(seed)
    dual.ascend(borders, rows, signs, np.arange(len(texts)), passes=PASSES, rng=rng)
    return replace(machine, coefficients=borders.coefficients, offsets=borders.offsets)


def _widened(machine: Machine, texts: Sequence[str]) -> Machine:
    """With a row of zeros for each feature that only these texts have, if there is room."""
    weights = machine.inputs.weights
    most = max(1, MOST_CELLS // max(1, len(machine.offsets)))
    wider, places = text_features.widen(weights, texts, most=most)
    coefficients = np.insert(machine.coefficients, places, np.float32(0.0), axis=0)
    return replace(
        machine, inputs=replace(machine.inputs, weights=wider), coefficients=coefficients
    )
