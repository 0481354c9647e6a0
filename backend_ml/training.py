"""Accepted labels in; a fitted learner and its held-out agreement out."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, cast

import numpy as np

from backend_ml.calibration import expected_calibration_error
from backend_ml.labels import Label
from backend_ml.learners.base import Guess, Learner, Reader
from backend_ml.model_store import learner_file
from projects import agreement
from projects.agreement.base import Metric
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.intervals import Estimate
from projects.vocabulary import Answer

HELD_OUT_PERCENT = 20


def is_held_out(project_id: int, task_id: int) -> bool:
    """Whether a task is for measuring only; the same for ever, so that no model trains on it."""
    digest = sha256(b"%d:%d" % (project_id, task_id)).digest()
    return int.from_bytes(digest[:4]) % 100 < HELD_OUT_PERCENT


def split(project_id: int, labels: Sequence[Label]) -> tuple[list[Label], list[Label]]:
    """Labels to train on, and labels to measure with."""
    train: list[Label] = []
    measure: list[Label] = []
    for label in labels:
        (measure if is_held_out(project_id, label.task_id) else train).append(label)
    return train, measure


def can_serve(kind: Kind, labels: Sequence[Label], *, minimum: int) -> bool:
    """Whether there is enough to learn from: ``minimum`` labels, and something to tell apart."""
    if len(labels) < minimum:
        return False
    classes = {mark.label for label in labels for mark in label.answer}
    return len(classes) >= (2 if kind.form == "choice" else 1)


def reads(kind: Kind, learner: str) -> bool:
    """Whether a file of ``learners`` also learns from texts without an answer."""
    return isinstance(learner_file(learner).new(kind), Reader)


class Answered(Protocol):
    """A text and the answer to it."""

    @property
    def text(self) -> str: ...

    @property
    def answer(self) -> Answer: ...


def learn(
    kind: Kind, learner: str, labels: Sequence[Answered], *, seed: int, texts: Sequence[str] = ()
) -> Learner:
    """Fit a file of ``learners`` from scratch; unfitted when the labels do not suffice for it.

    ``texts`` are what it may read beside the labels: texts of the same project, answered or not.
    """
    model = learner_file(learner).new(kind)
    if isinstance(model, Reader):
        model.read(texts, seed=seed)
    model.fit([label.text for label in labels], [label.answer for label in labels], seed=seed)
    return model


def metric_of(kind: Kind) -> Metric:
    """The agreement metric that this kind names."""
    return cast(Metric, discovery.load(agreement, kind.metric))


def closeness(metric: Metric, reference: Answer, candidate: Answer) -> float:
    """Agreement in [0, 1], where nothing against nothing is 1.

    The metric leaves that case undefined. For a model it is not: it was right to
    say nothing.
    """
    found = metric.agreement(reference, candidate)
    return 1.0 if found is None else found


@dataclass(frozen=True)
class Exam:
    """What a model made of labels that it has not seen; everything in their order."""

    agreement: tuple[float, ...]
    """In [0, 1]; abstaining counts as 0."""
    calibration: Estimate | None
    """Expected calibration error of its answers; ``None`` where it gave too few to tell."""


def examine(
    learner: Learner, labels: Sequence[Label], kind: Kind, *, drawn: Container[int] | None = None
) -> Exam:
    """Measure a model on labels that it has not seen.

    ``drawn`` are the tasks that nobody chose, where there are such: calibration is of them,
    for chosen texts are harder than those that arrive.
    """
    guesses = learner.predict([label.text for label in labels]).items
    pairs = [
        (guess, label)
        for guess, label in zip(guesses, labels, strict=True)
        if guess is not None and (drawn is None or label.task_id in drawn)
    ]
    return Exam(
        agreement=tuple(agreements(guesses, labels, kind)),
        calibration=expected_calibration_error(
            np.array([guess.confidence for guess, _ in pairs], dtype=np.float64),
            [guess.answer == label.answer for guess, label in pairs],
        ),
    )


def agreements(guesses: Sequence[Guess | None], labels: Sequence[Label], kind: Kind) -> list[float]:
    """Agreement of each guess with its label, in order; abstaining counts as 0."""
    metric = metric_of(kind)
    return [
        0.0 if guess is None else closeness(metric, label.answer, guess.answer)
        for guess, label in zip(guesses, labels, strict=True)
    ]


def out_of_fold(
    kind: Kind,
    learner: str,
    labels: Sequence[Label],
    *,
    seed: int,
    folds: int = 4,
    texts: Sequence[str] = (),
) -> list[Guess | None]:
    """A guess for every label by a model that did not see it, in the order of ``labels``.

    Parameters
    ----------
    learner : str
        A file of ``learners``.
    folds : int
        At least 2; so many models are fitted, each without one part of the labels.
        The same seed makes the same parts, however the labels change elsewhere.
    texts : sequence of str
        As for :func:`learn`.

    Returns
    -------
    list
        ``None`` where the learner abstained, or could not be fitted on the rest.

    Raises
    ------
    ValueError
        With fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"out-of-fold guesses need two folds or more, got {folds}")
    guesses: list[Guess | None] = [None] * len(labels)
    parts = [_fold(label.task_id, seed, folds) for label in labels]
    for part in range(folds):
        rest = [label for label, own in zip(labels, parts, strict=True) if own != part]
        here = [place for place, own in enumerate(parts) if own == part]
        if not here or not rest:
            continue
        model = learn(kind, learner, rest, seed=seed, texts=texts)
        found = model.predict([labels[place].text for place in here]).items
        for place, guess in zip(here, found, strict=True):
            guesses[place] = guess
    return guesses


def _fold(task_id: int, seed: int, folds: int) -> int:
    digest = sha256(f"fold:{seed}:{task_id}".encode()).digest()
    return int.from_bytes(digest[:4]) % folds
