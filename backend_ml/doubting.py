"""Which accepted labels are likely to be wrong: those that models which did not see them deny."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backend_ml import training
from backend_ml.labels import Label
from backend_ml.learners.base import Guess, Guesses
from backend_ml.pool import Vector
from projects.agreement.base import Difference
from projects.kinds.base import Kind
from projects.kit.errors import PlatformError
from projects.vocabulary import Answer, Mark

FOLDS = 4
LEAST_LABELS = 40
"""With fewer, the models that judge know too little."""
SHOWN = 40
"""Characters of a span that are quoted."""

Tell = Callable[[], None]
"""Called after every fit, for a progress bar."""


class TooFewToDoubt(PlatformError):
    """Too few labels to judge any of them by the others."""

    status = 409

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.labels = labels

    def __str__(self) -> str:
        return f"There are {self.labels} labels; to judge them by each other takes {LEAST_LABELS}."


@dataclass(frozen=True)
class Doubt:
    """One label that the model denies."""

    task_id: int
    accepted: Answer
    guessed: Answer
    confidence: float
    """The probability that the model's whole answer is right, in [0, 1]."""
    doubt: float
    """How much the model's answer outweighs the accepted one, in [0, 1]; 0.5 is a draw."""
    why: str


@dataclass(frozen=True)
class _View:
    """What a model that did not see it says about one label."""

    guess: Guess
    classes: tuple[str, ...]
    proba: Vector | None
    marginals: Vector | None


def doubts(
    kind: Kind, learner: str, labels: Sequence[Label], *, seed: int = 0, tell: Tell | None = None
) -> list[Doubt]:
    """The labels that the model denies, the most doubtful first.

    Every label is judged by a model that learned from the other folds.

    - One of several classes: ``p(other) / (p(other) + p(accepted))`` for the likeliest
      other class, so that a label counts as doubtful by how little is left of it.
    - Any number of labels: the largest of ``p`` of a label that was not accepted and
      ``1 - p`` of one that was.
    - Everything else: the probability of the likeliest mark that only the model has; where
      the model has only left marks out, the probability that its whole answer is right.

    A label that no other fold has is left out: nothing was learned that could deny it.

    Raises
    ------
    TooFewToDoubt
        With fewer than ``LEAST_LABELS`` labels.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70 (self-confidence from
    out-of-sample probabilities).
    """
    if len(labels) < LEAST_LABELS:
        raise TooFewToDoubt(len(labels))
    views = _views(kind, learner, labels, seed=seed, tell=tell)
    judged = [
        _judge(kind, label, view)
        for label, view in zip(labels, views, strict=True)
        if view is not None
    ]
    found = [one for one in judged if one is not None]
    return sorted(found, key=lambda one: (-one.doubt, one.task_id))


def _views(
    kind: Kind, learner: str, labels: Sequence[Label], *, seed: int, tell: Tell | None
) -> list[_View | None]:
    """Out-of-fold opinions in the order of ``labels``; ``None`` where the model abstained."""
    order = np.random.default_rng(seed).permutation(len(labels))
    views: list[_View | None] = [None] * len(labels)
    parts = np.array_split(order, FOLDS)
    texts = [label.text for label in labels]
    for number, part in enumerate(parts):
        rest = [labels[i] for other, p in enumerate(parts) if other != number for i in sorted(p)]
        model = training.learn(kind, learner, rest, seed=seed, texts=texts)
        found = model.predict([labels[i].text for i in part])
        for row, place in enumerate(part):
            views[place] = _view(found, row, model.classes_)
        if tell is not None:
            tell()
    return views


def _view(found: Guesses, row: int, classes: tuple[str, ...]) -> _View | None:
    guess = found.items[row]
    if guess is None:
        return None
    return _View(
        guess,
        classes,
        None if found.proba is None else found.proba[row],
        None if found.marginals is None else found.marginals[row],
    )


def _judge(kind: Kind, label: Label, view: _View) -> Doubt | None:
    """The doubt about one label; ``None`` where the model has nothing against it."""
    if view.proba is not None and len(label.answer) == 1:
        found = _of_one(label.answer[0], view)
    elif view.marginals is not None:
        found = _of_several(label.answer, view)
    else:
        found = _of_marks(kind, label, view.guess)
    if found is None:
        return None
    doubt, why = found
    guess = view.guess
    return Doubt(label.task_id, label.answer, guess.answer, guess.confidence, doubt, why)


def _of_one(mark: Mark, view: _View) -> tuple[float, str] | None:
    proba = view.proba
    if proba is None or mark.label not in view.classes:
        return None
    own = view.classes.index(mark.label)
    others = proba.copy()
    others[own] = -1.0
    other = int(others.argmax())
    if other == own or others[other] <= proba[own]:
        return None
    doubt = float(others[other] / (others[other] + proba[own]))
    name = view.classes[other]
    return doubt, f"{name} is likelier ({proba[other]:.2f}) than {mark.label} ({proba[own]:.2f})"


def _of_several(answer: Answer, view: _View) -> tuple[float, str] | None:
    marginals = view.marginals
    if marginals is None:
        return None
    accepted = {mark.label for mark in answer}
    found = [
        (1.0 - p, f"{name} is unlikely ({p:.2f})")
        if name in accepted
        else (p, f"{name} is missing ({p:.2f})")
        for name, p in zip(view.classes, marginals.tolist(), strict=True)
    ]
    against = sorted((one for one in found if one[0] > 0.5), reverse=True)
    return (against[0][0], "; ".join(why for _, why in against[:3])) if against else None


def _of_marks(kind: Kind, label: Label, guess: Guess) -> tuple[float, str] | None:
    differences = [
        one
        for one in training.metric_of(kind).differences(label.answer, guess.answer)
        if one.kind != "same"
    ]
    if not differences:
        return None
    sure = dict(zip(guess.answer, guess.mark_confidences, strict=True))
    own = [sure[one.candidate] for one in differences if one.candidate is not None]
    why = "; ".join(_in_words(one, label.text, sure) for one in differences[:3])
    return max(own, default=guess.confidence), why


def _in_words(difference: Difference, text: str, sure: dict[Mark, float]) -> str:
    mark, given = difference.candidate, difference.reference
    if mark is None:
        return f"{_name(given, text)} is not there for the model"
    likely = f"({sure[mark]:.2f})"
    if given is None:
        return f"{_name(mark, text)} is missing {likely}"
    return f"{_name(mark, text)} {likely} rather than {_name(given, text)}"


def _name(mark: Mark | None, text: str) -> str:
    if mark is None:
        return ""
    if not mark.is_span:
        return mark.label
    words = " ".join(text[mark.start : mark.end].split())
    return f"{mark.label} '{words if len(words) <= SHOWN else words[: SHOWN - 1] + '…'}'"
