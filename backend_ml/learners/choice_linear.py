"""One choice a text: words and pieces of words, a linear machine, honest probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from backend_ml import linear, machine_files
from backend_ml.calibration import NO_SHARES, Line, fit_shares, log_loss, shares, torn
from backend_ml.learners import _hints
from backend_ml.learners._hints import SCALE, Hints
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.linear import Machine
from backend_ml.pool import Matrix
from backend_ml.word_means import WordMeans
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark

FORMS: tuple[str, ...] = ("choice",)


class ChoiceLinear:
    """A linear support vector machine whose distances are made probabilities.

    How is learned from folds that did not train on the text. Where the kind has rules,
    the machine sees which of them match, and begins with what they say.
    """

    def __init__(self, control: str, hints: Hints | None = None) -> None:
        self.control = control
        self.hints = hints
        self._classes: tuple[str, ...] = ()
        self._line = NO_SHARES
        self._machine: Machine | None = None
        self._answers: tuple[Answer, ...] = ()
        self._means: WordMeans | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """Learn what their words are about, for the next :meth:`fit`."""
        self._means = linear.means_of(texts, seed=seed)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer of exactly one choice."""
        inputs, labels = _single(texts, answers)
        self._classes, self._machine = (), None
        if len(set(labels)) < 2:
            return
        hinted = self.hints.labels if self.hints is not None else ()
        classes = tuple(sorted({*labels, *hinted}))
        features = linear.inputs_of(inputs, labels=len(classes), more=self.hints, means=self._means)
        rows, truth = features.matrix(inputs), _columns([*labels, *hinted], classes)
        if self.hints is not None:
            rows = sparse.vstack([rows, _examples(self.hints, rows.shape[1])], format="csr")
        targets = _targets(truth, len(classes))
        machine, scores, held = linear.learn(features, rows, targets, seed=seed, given=len(hinted))
        # A class that its fold could not learn is none of the columns.
        true = np.where(np.isfinite(scores[np.arange(len(held)), truth[held]]), truth[held], -1)
        machine, scores = linear.with_likeness(
            machine,
            features.embedded(rows, inputs),
            targets,
            held,
            scores,
            loss=lambda some, rows: _loss(some, true[rows].tolist()),
        )
        self.use(machine, classes, _line(scores, true.tolist()))

    def learn_more(
        self,
        texts: Sequence[str],
        answers: Sequence[Answer],
        *,
        replay_texts: Sequence[str],
        replay_answers: Sequence[Answer],
        seed: int,
    ) -> bool:
        """Some more answers; calibration stays as it is. Not with a class that is new."""
        fresh, labels = _single(texts, answers)
        again, before = _single(replay_texts, replay_answers)
        if self._machine is None or not set(labels + before) <= set(self._classes):
            return False
        self._machine = linear.learn_more(
            self._machine,
            fresh + again,
            _targets(_columns(labels + before, self._classes), len(self._classes)),
            replayed=np.arange(len(fresh + again)) >= len(fresh),
            seed=seed,
        )
        return True

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The most probable choice of each text."""
        machine = self._machine
        if machine is None or not texts:
            return Guesses(tuple(None for _ in texts))
        distances = machine.decide(texts)
        proba = shares(distances, self._line)
        best = proba.argmax(axis=1).tolist()
        sure = proba.max(axis=1).tolist()
        answers = self._answers
        items = [Guess(answers[at], p, (p,)) for at, p in zip(best, sure, strict=True)]
        return Guesses(tuple(items), proba, hesitation=torn(distances))

    def use(self, machine: Machine, classes: tuple[str, ...], line: Line) -> None:
        """Predict with this trained machine from now on."""
        self._machine, self._classes, self._line = machine, classes, line
        self._answers = tuple((Mark(self.control, c),) for c in classes)

    def save(self, folder: Path) -> None:
        """Write ``machine.npz`` and ``learner.json``."""
        notes = {"classes": list(self._classes), "line": list(self._line)}
        notes |= _hints.save(self.hints, folder)
        machine_files.save(self._machine, folder, notes)


def new(kind: Kind) -> ChoiceLinear:
    """An unfitted learner."""
    return ChoiceLinear(kind.control, _hints.read(kind))


def load(folder: Path, kind: Kind) -> ChoiceLinear:
    """The learner saved in ``folder``."""
    learner = ChoiceLinear(kind.control)
    try:
        machine, notes = machine_files.load(folder)
        learner.hints = _hints.load(folder, notes)
        if machine is not None:
            machine = replace(machine, inputs=replace(machine.inputs, more=learner.hints))
            learner.use(machine, tuple(notes["classes"]), machine_files.line(notes["line"]))
    except machine_files.UNREADABLE as error:
        raise ModelUnreadable(str(folder), machine_files.why(error)) from error
    return learner


def _examples(hints: Hints, width: int) -> Any:
    """Of each label a text of which nothing is known but that a rule for it matches.

    Schapire, Rochery, Rahim & Gupta (2002), ICML: prior knowledge as more examples.
    """
    n = len(hints.labels)
    return sparse.csr_matrix(np.eye(n, width, width - n, dtype=np.float32) * np.float32(SCALE))


def _line(scores: Matrix, truth: Sequence[int]) -> Line:
    return fit_shares(linear.filled(scores), truth)


def _loss(scores: Matrix, truth: Sequence[int]) -> float:
    """How surprising the true classes are under the best line."""
    columns = np.asarray(truth, dtype=np.int64)
    rows = np.flatnonzero(columns >= 0)
    proba = shares(linear.filled(scores), _line(scores, truth))
    return log_loss(proba[rows, columns[rows]])


def _single(texts: Sequence[str], answers: Sequence[Answer]) -> tuple[list[str], list[str]]:
    """Texts and labels of the answers that are exactly one choice."""
    pairs = [(t, a[0].label) for t, a in zip(texts, answers, strict=True) if len(a) == 1]
    return [text for text, _ in pairs], [label for _, label in pairs]


def _columns(labels: Sequence[str], classes: Sequence[str]) -> linear.Places:
    place = {label: column for column, label in enumerate(classes)}
    return np.array([place[label] for label in labels], dtype=np.int64)


def _targets(columns: linear.Places, classes: int) -> linear.Targets:
    return np.asarray(columns[:, None] == np.arange(classes))
