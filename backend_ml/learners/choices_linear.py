"""Any number of labels a text, also none: a border and an honest probability for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend_ml import linear
from backend_ml.calibration import Line, fit_logit_line, on_line
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.linear import Machine
from backend_ml.pool import Matrix, Vector
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("choices",)
START: Line = (3.0, 0.0)
"""From distances to log odds, before anything is known of them."""
NO_CHANGE: Line = (1.0, 0.0)


class ChoicesLinear:
    """One linear support vector machine a label, each against the rest.

    All share one line from distances to log odds, since a label of few examples has
    too few for a line of its own. A label is answered when it is more probable than
    not. The confidence in the whole answer is the product of what is believed of each
    label, made honest by a second line, because labels go together.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self._classes: tuple[str, ...] = ()
        self._machine: Machine | None = None
        self._each: Line = START
        self._whole: Line = NO_CHANGE

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer; of an empty one that no label is right."""
        classes = tuple(sorted({mark.label for answer in answers for mark in answer}))
        self._classes, self._machine = (), None
        if not classes:
            return
        features = linear.inputs_of(texts, labels=len(classes))
        rows, targets = features.matrix(texts), targets_of(answers, classes)
        scores, held = linear.out_of_fold(features, rows, targets, seed=seed)
        each, whole = _calibrate(scores, targets[held])
        self.use(linear.train(features, rows, targets, seed=seed), classes, each, whole)

    def learn_more(
        self,
        texts: Sequence[str],
        answers: Sequence[Answer],
        *,
        replay_texts: Sequence[str],
        replay_answers: Sequence[Answer],
        seed: int,
    ) -> bool:
        """Some more answers; calibration stays as it is. Not with a label that is new."""
        everything = [*answers, *replay_answers]
        used = {mark.label for answer in everything for mark in answer}
        if self._machine is None or not used <= set(self._classes):
            return False
        self._machine = linear.learn_more(
            self._machine,
            [*texts, *replay_texts],
            targets_of(everything, self._classes),
            replayed=np.arange(len(everything)) >= len(answers),
            seed=seed,
        )
        return True

    def predict(self, texts: Sequence[str]) -> Guesses:
        """Every label that is more probable than not."""
        machine = self._machine
        if machine is None or not texts:
            return Guesses(tuple(None for _ in texts))
        marginals = _marginals(machine.decide(texts), self._each)
        sure = on_line(_product(marginals), self._whole).tolist()
        marks = [Mark(self.control, label) for label in self._classes]
        items = []
        for row, confidence in zip(marginals, sure, strict=True):
            columns = np.flatnonzero(row > 0.5).tolist()
            answer = as_answer([marks[column] for column in columns])
            items.append(Guess(answer, confidence, tuple(row[columns].tolist())))
        return Guesses(tuple(items), marginals=marginals)

    def use(self, machine: Machine, classes: tuple[str, ...], each: Line, whole: Line) -> None:
        """Predict with this trained machine from now on."""
        self._machine, self._classes = machine, classes
        self._each, self._whole = each, whole

    def save(self, folder: Path) -> None:
        """Write ``machine.npz`` and ``learner.json``."""
        notes = {
            "classes": list(self._classes),
            "each": list(self._each),
            "whole": list(self._whole),
        }
        linear.save(self._machine, folder, notes)


def new(kind: Kind) -> ChoicesLinear:
    """An unfitted learner."""
    return ChoicesLinear(kind.control)


def load(folder: Path, kind: Kind) -> ChoicesLinear:
    """The learner saved in ``folder``."""
    learner = ChoicesLinear(kind.control)
    try:
        machine, notes = linear.load(folder)
        if machine is not None:
            each, whole = linear.line(notes["each"]), linear.line(notes["whole"])
            learner.use(machine, tuple(notes["classes"]), each, whole)
    except linear.UNREADABLE as error:
        raise ModelUnreadable(str(folder), linear.why(error)) from error
    return learner


def targets_of(answers: Sequence[Answer], classes: Sequence[str]) -> linear.Targets:
    """Which of the classes each answer has, shape (n_answers, n_classes)."""
    place = {label: column for column, label in enumerate(classes)}
    targets = np.zeros((len(answers), len(classes)), dtype=np.bool_)
    for row, answer in enumerate(answers):
        targets[row, [place[mark.label] for mark in answer]] = True
    return targets


def _marginals(scores: Matrix, each: Line) -> Matrix:
    slope, offset = each
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (slope * scores + offset))))


def _product(marginals: Matrix) -> Vector:
    """The probability that every label is decided rightly, if they had nothing to do with
    each other."""
    return np.asarray(np.maximum(marginals, 1.0 - marginals).prod(axis=1))


def _calibrate(scores: Matrix, targets: linear.Targets) -> tuple[Line, Line]:
    """The lines for each label and for the whole answer, from texts not trained on."""
    if not len(scores):
        return START, NO_CHANGE
    known = np.isfinite(scores)
    raw = 0.5 * (1.0 + np.tanh(0.5 * START[0] * scores[known]))
    slope, offset = fit_logit_line(raw, targets[known].tolist())
    each = (slope * START[0], offset)
    marginals = np.where(known, _marginals(np.where(known, scores, 0.0), each), 0.0)
    right = ((marginals > 0.5) == targets).all(axis=1)
    return each, fit_logit_line(_product(marginals), right.tolist())
