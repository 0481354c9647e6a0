"""What every learner offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from backend_ml.calibration import fit_logit_line, logit, on_line
from backend_ml.pool import Matrix, Pool, Vector
from projects.kinds.base import Kind
from projects.kit.errors import PlatformError
from projects.vocabulary import Answer

__all__ = [
    "Guess",
    "Guesses",
    "Learner",
    "LearnerFile",
    "ModelUnreadable",
    "Reader",
    "Warm",
    "fit_logit_line",
    "logit",
    "on_line",
    "sure",
]


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
    if min(guess.mark_confidences) >= least:
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
    """Shape (n_texts,), in [0, 1]: how torn the learner is, where it says so beside its
    probabilities. For spans, one minus the smallest gap between the two best tags of a token;
    for one choice, as of :func:`backend_ml.calibration.torn`."""
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


@runtime_checkable
class Warm(Protocol):
    """A learner that can learn a few more labels without starting again."""

    def learn_more(
        self,
        texts: Sequence[str],
        answers: Sequence[Answer],
        *,
        replay_texts: Sequence[str],
        replay_answers: Sequence[Answer],
        seed: int,
    ) -> bool:
        """Learn new labels, and some of the old ones again so that they are not forgotten.

        ``False`` when it cannot, for one because a class is new; then nothing changed.
        """


@runtime_checkable
class Reader(Protocol):
    """A learner that also learns from texts without an answer."""

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """Look at the texts of a project, answered or not; the next :meth:`Learner.fit` uses it.

        The same texts and seed give the same. Without it, ``fit`` has labels alone.
        """


class LearnerFile(Protocol):
    """A file of this package: the forms of answer it can give, and two functions."""

    FORMS: tuple[str, ...]
    """Files of ``projects/forms``."""

    def new(self, kind: Kind) -> Learner:
        """An unfitted learner of the answers of ``kind``."""

    def load(self, folder: Path, kind: Kind) -> Learner:
        """The learner that was saved into ``folder``; raises :class:`ModelUnreadable`."""
