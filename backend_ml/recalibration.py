"""Confidence made honest for texts that nobody chose.

A learner fits its confidence on labels that it did not train on. But most labels are of
texts that were chosen because the model was torn about them. They are harder than others,
and a fold that lacks one of them lacks its likes too: so one choice among many comes out
far too modest for the texts that arrive. The random arm tells by how much: its tasks are
nobody's choice, and its suggestions were made before their answer was known.

Measured in ``learners/README.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend_ml.calibration import NO_CHANGE, Line, fit_logit_line, on_line
from backend_ml.learners.base import Guess, Guesses, Learner
from projects.vocabulary import Answer

FORMS = ("choice", "taxonomy")
"""One of several. Where there can be several marks, confidence was found to be honest."""
FEWEST = 20
MOST = 200
"""Outcomes: fewer tell too little, and older ones are of models that knew much less."""
SLOPE_PULL = 10.0
"""Steadies the slope while outcomes are few: with 1 one run of four came out worse than without."""


class Recalibrated:
    """A learner whose confidence in one choice is put on a line."""

    def __init__(self, learner: Learner, line: Line) -> None:
        self.learner = learner
        self.line = line

    @property
    def classes_(self) -> tuple[str, ...]:
        return self.learner.classes_

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """As the learner does; the line stays."""
        self.learner.fit(texts, answers, seed=seed)

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The learner's guesses; of them only the confidence is another."""
        found = self.learner.predict(texts)
        raw = np.array([0.0 if guess is None else guess.confidence for guess in found.items])
        sure = on_line(raw, self.line).tolist()
        items = [
            None if guess is None else _with(guess, value)
            for guess, value in zip(found.items, sure, strict=True)
        ]
        return Guesses(tuple(items), found.proba, found.marginals, found.hesitation, found.disorder)

    def save(self, folder: Path) -> None:
        """As the learner does; the line is kept with the version."""
        self.learner.save(folder)


def on(learner: Learner, line: Line) -> Learner:
    """The learner with its confidence on this line."""
    return learner if line == NO_CHANGE else Recalibrated(learner, line)


def fit(outcomes: Sequence[tuple[float, bool]]) -> Line:
    """The line from a learner's own confidence to how often it is right.

    Parameters
    ----------
    outcomes : pairs
        Confidence before any line, and whether the suggestion was right; of the random arm.

    Returns
    -------
    slope, offset
        On the logit scale; ``NO_CHANGE`` with fewer than ``FEWEST``.

    References
    ----------
    Platt (1999), Advances in Large Margin Classifiers; Dawid (1984), JRSS A 147: each
    forecast judged by what came after it.
    """
    if len(outcomes) < FEWEST:
        return NO_CHANGE
    confidence, right = zip(*outcomes, strict=True)
    return fit_logit_line(np.array(confidence), right, slope_pull=SLOPE_PULL)


def _with(guess: Guess, confidence: float) -> Guess:
    """One mark is as sure as the whole answer."""
    return Guess(guess.answer, confidence, (confidence,) * len(guess.answer))
