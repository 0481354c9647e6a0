"""Any number of labels a text, also none: a border and an honest probability for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from backend_ml import linear, machine_files
from backend_ml.calibration import Several, fit_several, log_loss
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.linear import Machine
from backend_ml.pool import Matrix
from backend_ml.word_means import WordMeans
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("choices",)


class ChoicesLinear:
    """One linear support vector machine a label, each against the rest.

    A label is answered when it is more probable than not.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self._classes: tuple[str, ...] = ()
        self._machine: Machine | None = None
        self._honest = Several()
        self._means: WordMeans | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """Learn what their words are about, for the next :meth:`fit`."""
        self._means = linear.means_of(texts, seed=seed)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer; of an empty one that no label is right."""
        classes = tuple(sorted({mark.label for answer in answers for mark in answer}))
        self._classes, self._machine = (), None
        if not classes:
            return
        features = linear.inputs_of(texts, labels=len(classes), means=self._means)
        rows, targets = features.matrix(texts), targets_of(answers, classes)
        machine, scores, held = linear.learn(features, rows, targets, seed=seed)
        machine, scores = linear.with_likeness(
            machine,
            features.embedded(rows, texts),
            targets,
            held,
            scores,
            loss=lambda some, rows: _loss(some, targets[held[rows]]),
        )
        self.use(machine, classes, fit_several(scores, targets[held]))

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
        marginals = self._honest.marginals(machine.decide(texts))
        sure = self._honest.confidence(marginals).tolist()
        marks = [Mark(self.control, label) for label in self._classes]
        items = []
        for row, confidence in zip(marginals, sure, strict=True):
            columns = np.flatnonzero(row > 0.5).tolist()
            answer = as_answer([marks[column] for column in columns])
            items.append(Guess(answer, confidence, tuple(row[columns].tolist())))
        return Guesses(tuple(items), marginals=marginals)

    def use(self, machine: Machine, classes: tuple[str, ...], honest: Several) -> None:
        """Predict with this trained machine from now on."""
        self._machine, self._classes, self._honest = machine, classes, honest

    def save(self, folder: Path) -> None:
        """Write ``machine.npz`` and ``learner.json``."""
        notes = {"classes": list(self._classes), "honest": asdict(self._honest)}
        machine_files.save(self._machine, folder, notes)


def new(kind: Kind) -> ChoicesLinear:
    """An unfitted learner."""
    return ChoicesLinear(kind.control)


def load(folder: Path, kind: Kind) -> ChoicesLinear:
    """The learner saved in ``folder``."""
    learner = ChoicesLinear(kind.control)
    try:
        machine, notes = machine_files.load(folder)
        if machine is not None:
            learner.use(machine, tuple(notes["classes"]), machine_files.several(notes["honest"]))
    except machine_files.UNREADABLE as error:
        raise ModelUnreadable(str(folder), machine_files.why(error)) from error
    return learner


def _loss(scores: Matrix, targets: linear.Targets) -> float:
    """How surprising it is which labels are right, under the best line."""
    marginals = fit_several(scores, targets).marginals(scores)
    return log_loss(np.where(targets, marginals, 1.0 - marginals))


def targets_of(answers: Sequence[Answer], classes: Sequence[str]) -> linear.Targets:
    """Which of the classes each answer has, shape (n_answers, n_classes)."""
    place = {label: column for column, label in enumerate(classes)}
    named = [[place[mark.label] for mark in answer] for answer in answers]
    return linear.as_targets(named, len(classes))
