"""One choice a text: words and character pieces, a linear machine, honest probabilities."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import LinearSVC
from skops import io as skops_io

from backend_ml.calibration import fit_temperature, softmax
from backend_ml.learners.base import (
    Guess,
    Guesses,
    ModelUnreadable,
)
from backend_ml.pool import Matrix
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark

FORMS: tuple[str, ...] = ("choice",)
FOLDS = 4
MODEL_FILE = "model.skops"
NOTES_FILE = "learner.json"
TRUSTED: list[str] = []
"""Types a saved model may hold besides those skops itself trusts: none is needed."""


class ChoiceLinear:
    """TF-IDF of words and of pieces of words, under a linear support vector machine.

    The machine's distances become probabilities with one temperature, fitted on
    folds that did not train on the text (Guo et al. 2017).
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self.temperature = 1.0
        self._model: Any = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return () if self._model is None else tuple(str(c) for c in self._model.classes_)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer of exactly one choice."""
        pairs = [(t, a[0].label) for t, a in zip(texts, answers, strict=True) if len(a) == 1]
        self._model = None
        if len({label for _, label in pairs}) < 2:
            return
        inputs, labels = [t for t, _ in pairs], [label for _, label in pairs]
        model = _pipeline(seed).fit(inputs, labels)
        classes = [str(c) for c in model.classes_]
        scores, truth = _out_of_fold(inputs, labels, classes, seed=seed)
        self.use(model, temperature=fit_temperature(scores, truth))

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The most probable choice of each text."""
        if self._model is None or not texts:
            return Guesses(tuple(None for _ in texts))
        proba = softmax(_decide(self._model, texts) / self.temperature)
        best = proba.argmax(axis=1)
        items = []
        for row, column in enumerate(best):
            confidence = float(proba[row, column])
            mark = Mark(self.control, self.classes_[column])
            items.append(Guess((mark,), confidence, (confidence,)))
        return Guesses(tuple(items), proba)

    def use(self, model: Any, *, temperature: float) -> None:
        """Predict with this trained model from now on."""
        self._model, self.temperature = model, temperature

    def save(self, folder: Path) -> None:
        """Write ``model.skops`` and ``learner.json``."""
        if self._model is not None:
            skops_io.dump(self._model, folder / MODEL_FILE)
        notes = {"format": 1, "temperature": self.temperature, "fitted": self._model is not None}
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")


def new(kind: Kind) -> ChoiceLinear:
    """An unfitted learner."""
    return ChoiceLinear(kind.control)


def load(folder: Path, kind: Kind) -> ChoiceLinear:
    """The learner saved in ``folder``; its file may hold trusted types only."""
    learner = ChoiceLinear(kind.control)
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        if notes["fitted"]:
            model = skops_io.load(folder / MODEL_FILE, trusted=TRUSTED)
            learner.use(model, temperature=float(notes["temperature"]))
    except Exception as error:
        # A damaged archive fails in many ways; skops says TypeError to a type it does not trust.
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def _pipeline(seed: int) -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return Pipeline(
        [
            ("features", FeatureUnion([("words", words), ("pieces", pieces)])),
            ("machine", LinearSVC(random_state=seed)),
        ]
    )


def _decide(model: Any, texts: Sequence[str]) -> Matrix:
    """Distances, one column a class; two classes come from the machine as one column."""
    scores = np.asarray(model.decision_function(list(texts)), dtype=np.float64)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def _out_of_fold(
    texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], *, seed: int
) -> tuple[Matrix, list[int]]:
    """Distances of texts from machines that did not see them, and their true columns.

    Rows of a class that a fold could not learn are left out: they would teach the
    temperature about missing classes, not about doubt.
    """
    counts = Counter(labels)
    scores: list[Matrix] = []
    truth: list[int] = []
    if len(texts) < 2 * FOLDS or min(counts.values()) == len(texts):
        return np.zeros((0, len(classes))), []
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    features = _pipeline(seed).named_steps["features"].fit_transform(list(texts))
    for train, test in folds.split(labels):
        known = sorted({labels[i] for i in train})
        rows = [i for i in test if labels[i] in known]
        if len(known) < 2 or not rows:
            continue
        machine = LinearSVC(random_state=seed).fit(features[train], [labels[i] for i in train])
        found = np.asarray(machine.decision_function(features[rows]), dtype=np.float64)
        found = np.column_stack([-found, found]) if found.ndim == 1 else found
        scores.append(_spread(found, known, classes))
        truth += [list(classes).index(labels[i]) for i in rows]
    return (np.vstack(scores) if scores else np.zeros((0, len(classes)))), truth


def _spread(scores: Matrix, known: Sequence[str], classes: Sequence[str]) -> Matrix:
    """Columns in the order of ``classes``; a class the fold did not know gets its row's least."""
    spread = np.repeat(scores.min(axis=1, keepdims=True), len(classes), axis=1)
    for column, label in enumerate(known):
        spread[:, list(classes).index(label)] = scores[:, column]
    return spread
