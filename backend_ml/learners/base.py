"""What every learner offers, and the one way from raw scores to honest probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy import optimize

from backend_ml.pool import Matrix, Pool, Vector
from projects.kinds.base import Kind
from projects.kit.errors import PlatformError
from projects.vocabulary import Answer


class ModelUnreadable(PlatformError):
    """A saved model is incomplete, damaged or of another format."""

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(folder, why)
        self.folder = folder
        self.why = why

    def __str__(self) -> str:
        return f"The model in {self.folder} cannot be read: {self.why}."


@dataclass(frozen=True)
class Guess:
    """A model's answer to one text, with its probability of being entirely right."""

    answer: Answer
    confidence: float
    mark_confidences: tuple[float, ...]
    """The probability of each mark of the answer by itself."""


def sure(guess: Guess | None, *, least: float) -> Guess | None:
    """What is worth showing: the marks that are at least so sure.

    ``None`` where the learner abstains, and where nothing is left of an answer that
    had marks. An empty answer stays: that there is nothing to mark is an answer.
    """
    if guess is None or not guess.answer:
        return guess
    kept = [
        (mark, value)
        for mark, value in zip(guess.answer, guess.mark_confidences, strict=True)
        if value >= least
    ]
    if not kept:
        return None
    return Guess(tuple(m for m, _ in kept), guess.confidence, tuple(v for _, v in kept))


@dataclass(frozen=True)
class Guesses:
    """Answers to several texts; ``None`` where the learner abstains."""

    items: tuple[Guess | None, ...]
    proba: Matrix | None = None
    """Shape (n_texts, n_classes), rows summing to 1; where one of several classes is chosen."""
    marginals: Matrix | None = None
    """Shape (n_texts, n_labels), each in [0, 1]; where any number of labels may be right."""
    hesitation: Vector | None = None
    """Shape (n_texts,), in [0, 1]: for spans, one minus the smallest gap between the two best
    tags of a token."""
    disorder: Vector | None = None
    """Shape (n_texts,): for spans, the mean entropy of a token's tags, in nats."""

    def pool(self) -> Pool:
        """The same answers as a query strategy sees them; abstaining counts as 0."""
        confidence = np.array([0.0 if g is None else g.confidence for g in self.items])
        return Pool(
            confidence.astype(np.float64),
            proba=self.proba,
            marginals=self.marginals,
            hesitation=self.hesitation,
            disorder=self.disorder,
        )


class Learner(Protocol):
    """Features and model in one: texts in, answers out."""

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels it has learned, sorted; empty before :meth:`fit`."""

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from scratch. With fewer than two classes of choices it stays unfitted."""

    def predict(self, texts: Sequence[str]) -> Guesses:
        """One guess a text, in order; an unfitted learner abstains from all."""

    def save(self, folder: Path) -> None:
        """Write everything needed to predict into an existing folder; never pickle."""


class LearnerFile(Protocol):
    """A file of this package: the forms of answer it can give, and two functions."""

    FORMS: tuple[str, ...]
    """Files of ``projects/forms``."""

    def new(self, kind: Kind) -> Learner:
        """An unfitted learner of the answers of ``kind``."""

    def load(self, folder: Path, kind: Kind) -> Learner:
        """The learner that was saved into ``folder``; raises :class:`ModelUnreadable`."""


def softmax(scores: Matrix) -> Matrix:
    """Rows of positive numbers that sum to 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_temperature(scores: Matrix, truth: Sequence[int]) -> float:
    """The divisor of ``scores`` under which ``softmax`` says how often it is right.

    ``scores`` must come from folds that did not train on the row. The truth is
    softened by one part in ``n + 2``, as in Platt (1999), so that a set without a
    mistake does not promise certainty. Returns 1 with fewer than ten rows.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger (2017), ICML.
    """
    if len(truth) < 10:
        return 1.0
    n, classes = scores.shape
    doubt = 1.0 / (n + 2.0)
    target = np.full((n, classes), doubt / (classes - 1))
    target[np.arange(n), list(truth)] = 1.0 - doubt

    def loss(log_temperature: float) -> float:
        proba = softmax(scores / np.exp(log_temperature))
        return float(-(target * np.log(proba + 1e-12)).sum(axis=1).mean())

    best = optimize.minimize_scalar(loss, bounds=(-4.0, 3.0), method="bounded")
    return float(np.exp(best.x))


def fit_logit_line(confidence: Vector, right: Sequence[bool]) -> tuple[float, float]:
    """Slope and offset on the logit scale under which ``confidence`` is honest.

    Fitted with a weak pull towards no change, so that a few observations change
    little; a slope is never negative. ``confidence`` must come from texts that
    were not trained on.

    References
    ----------
    Platt (1999), Advances in Large Margin Classifiers.
    """
    x = logit(confidence)
    y = np.asarray(right, dtype=np.float64)

    def loss(line: Vector) -> float:
        z = line[0] * x + line[1]
        pull = (line[0] - 1.0) ** 2 + line[1] ** 2
        return float((np.logaddexp(0.0, z) - y * z).sum() + pull)

    found = optimize.minimize(loss, np.array([1.0, 0.0]), bounds=[(0.05, 5.0), (-6.0, 6.0)])
    return float(found.x[0]), float(found.x[1])


def logit(confidence: Vector) -> Vector:
    """Log odds, with certainty cut to one in a million."""
    inside = np.clip(confidence, 1e-6, 1.0 - 1e-6)
    return np.asarray(np.log(inside / (1.0 - inside)), dtype=np.float64)


def on_line(confidence: Vector, line: tuple[float, float]) -> Vector:
    """Apply what :func:`fit_logit_line` found."""
    return np.asarray(1.0 / (1.0 + np.exp(-(line[0] * logit(confidence) + line[1]))))
