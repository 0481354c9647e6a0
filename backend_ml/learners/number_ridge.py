"""A number or a rating: borders between few values, a ridge regression for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from backend_ml import linear, machine_files
from backend_ml.calibration import NO_CHANGE, Line, fit_logit_line, on_line
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.linear import Floats, Inputs, Machine
from backend_ml.pool import Matrix, Vector
from projects.forms.base import Control
from projects.forms.number import as_mark
from projects.kinds.base import Kind
from projects.vocabulary import Answer

FORMS: tuple[str, ...] = ("number",)
MOST_STEPS = 12
"""Up to so many different values they are steps of a scale, with a border between any two."""
NEAR = 0.1
"""Of the range seen in training: so close a number out of many counts as right."""
STRENGTH = 1.0
"""Of the ridge's penalty."""
DECIMALS = 6
LARGEST = 1e12
"""Larger numbers are slips of the keyboard; one of them would be the scale of all others."""
START: Line = (3.0, 0.0)
"""From distances to log odds, before anything is known of them."""


@dataclass(frozen=True)
class Scale:
    """The numbers that were seen, ascending, and the bounds of the control."""

    values: tuple[float, ...]
    least: float = -math.inf
    most: float = math.inf

    @property
    def few(self) -> bool:
        return len(self.values) <= MOST_STEPS

    @property
    def offered(self) -> linear.Targets:
        """Which of the values the control still allows."""
        values = np.array(self.values)
        return (values >= self.least) & (values <= self.most)

    @property
    def near(self) -> float:
        """How far off a guess may be and still count as right."""
        return max(NEAR * (self.values[-1] - self.values[0]), self.step / 2)

    @property
    def step(self) -> float:
        """The largest step that leads from the first value to all others."""
        whole = [round((value - self.values[0]) * 10**DECIMALS) for value in self.values]
        return float(reduce(math.gcd, whole, 0) / 10**DECIMALS)

    def rounded(self, numbers: Vector) -> Vector:
        """The nearest numbers on the scale's steps, within its bounds."""
        first, step = self.values[0], self.step
        low = self.values[0] + step * math.ceil((self._bound(self.least) - first) / step)
        high = self.values[0] + step * math.floor((self._bound(self.most) - first) / step)
        return np.clip(first + step * np.round((numbers - first) / step), low, high)

    def _bound(self, bound: float) -> float:
        """Without a bound: half of the range seen beyond its ends."""
        if math.isfinite(bound):
            return bound
        first, last = self.values[0], self.values[-1]
        return first - (last - first) / 2 if bound < 0 else last + (last - first) / 2


class NumberRidge:
    """Numbers on the features of texts.

    Few different values: a border between any two neighbours, each saying how probable
    it is that the number lies above (Frank & Hall 2001, ECML); the answer is the most
    probable value. Many: a ridge regression, and a second one of how far off it was on
    texts it did not train on; the confidence is the probability of being near.
    """

    def __init__(self, control: Control) -> None:
        self.control = control
        self._scale = Scale(())
        self._machine: Machine | None = None
        self._line: Line = NO_CHANGE

    @property
    def classes_(self) -> tuple[str, ...]:
        return tuple(as_mark(value, self.control).label for value in self._scale.values)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer of exactly one number."""
        pairs = [(t, float(a[0].label)) for t, a in zip(texts, answers, strict=True) if len(a) == 1]
        pairs = [(text, number) for text, number in pairs if abs(number) <= LARGEST]
        inputs, numbers = [text for text, _ in pairs], np.array([number for _, number in pairs])
        values = tuple(np.unique(np.round(numbers, DECIMALS)).tolist())
        self._scale, self._machine = Scale(()), None
        if len(values) < 2:
            return
        scale = Scale(values, self.control.least, self.control.most)
        features = linear.inputs_of(inputs, labels=len(values) if scale.few else 2)
        rows = features.matrix(inputs)
        learn = _learn_steps if scale.few else _learn_amount
        machine, line = learn(features, rows, numbers, scale, seed)
        self.use(machine, scale, line)

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The most probable number of each text, and how probable it is."""
        offered = self._scale.offered
        if self._machine is None or not texts or not offered.any():
            return Guesses(tuple(None for _ in texts))
        scores = self._machine.decide(texts)
        proba = None
        if self._scale.few:
            proba = _proba(scores, self._line, offered)
            numbers = np.array(self._scale.values)[proba.argmax(axis=1)]
            sure = proba.max(axis=1)
        else:
            numbers = self._scale.rounded(scores[:, 0])
            sure = on_line(_nearness(scores[:, 1], self._scale), self._line)
        items = []
        for number, p in zip(numbers.tolist(), sure.tolist(), strict=True):
            items.append(Guess((as_mark(number, self.control),), p, (p,)))
        return Guesses(tuple(items), proba)

    def use(self, machine: Machine, scale: Scale, line: Line) -> None:
        """Predict with this trained machine from now on."""
        self._machine, self._scale, self._line = machine, scale, line

    def save(self, folder: Path) -> None:
        """Write ``machine.npz`` and ``learner.json``."""
        notes = {"values": list(self._scale.values), "line": list(self._line)}
        machine_files.save(self._machine, folder, notes)


def new(kind: Kind) -> NumberRidge:
    """An unfitted learner."""
    return NumberRidge(kind.controls[kind.control])


def load(folder: Path, kind: Kind) -> NumberRidge:
    """The learner saved in ``folder``, under the bounds of the control as they are now."""
    learner = new(kind)
    try:
        machine, notes = machine_files.load(folder)
        if machine is not None:
            values = tuple(float(value) for value in notes["values"])
            scale = Scale(values, learner.control.least, learner.control.most)
            learner.use(machine, scale, machine_files.line(notes["line"]))
    except machine_files.UNREADABLE as error:
        raise ModelUnreadable(str(folder), machine_files.why(error)) from error
    return learner


def _learn_steps(
    features: Inputs, rows: Any, numbers: Vector, scale: Scale, seed: int
) -> tuple[Machine, Line]:
    targets = numbers[:, None] > np.array(scale.values)[:-1]
    machine, scores, held = linear.learn(features, rows, targets, seed=seed)
    line = START
    if len(scores):
        flat, above = linear.filled(scores).ravel(), targets[held].ravel()
        raw = 1.0 / (1.0 + np.exp(-START[0] * flat))
        slope, offset = fit_logit_line(raw, above.tolist())
        line = (slope * START[0], offset)
    return machine, line


def _proba(scores: Matrix, line: Line, offered: linear.Targets) -> Matrix:
    """Of each value, from how probable it is that the number lies above each border.

    The borders are learned apart, so a higher one may claim more than a lower one: it
    then counts as much as the lower one. A value that the control no longer offers has
    none of the probability.
    """
    above = 1.0 / (1.0 + np.exp(-np.clip(line[0] * scores + line[1], -50.0, 50.0)))
    above = np.minimum.accumulate(above, axis=1)
    ends = np.ones((len(scores), 1)), np.zeros((len(scores), 1))
    proba = (1e-9 - np.diff(np.hstack([ends[0], above, ends[1]]), axis=1)) * offered
    return np.asarray(proba / proba.sum(axis=1, keepdims=True))


def _learn_amount(
    features: Inputs, rows: Any, numbers: Vector, scale: Scale, seed: int
) -> tuple[Machine, Line]:
    """The ridge of the number, and one of its absolute error on texts not trained on."""
    error, fold = np.zeros(len(numbers)), np.zeros(len(numbers), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(numbers))
    for at, part in enumerate(np.array_split(order, linear.FOLDS)):
        rest = np.setdiff1d(order, part)
        guess = _apply(_ridge(rows[rest], numbers[rest]), rows[part])
        error[part], fold[part] = np.abs(scale.rounded(guess) - numbers[part]), at
    spread = np.zeros(len(numbers))
    for at in range(linear.FOLDS):
        part = fold == at
        spread[part] = _apply(_ridge(rows[~part], error[~part]), rows[part])
    tolerance = scale.near + 1e-9
    line = fit_logit_line(_nearness(spread, scale), (error <= tolerance).tolist())
    columns = [_ridge(rows, numbers), _ridge(rows, error)]
    coefficients = np.column_stack([found for found, _ in columns])
    return Machine(features, coefficients, np.array([end for _, end in columns], np.float32)), line


def _ridge(rows: Any, numbers: Vector) -> tuple[Floats, float]:
    """Coefficients and offset, in a bounded number of steps."""
    middle = float(numbers.mean())
    ridge = Ridge(STRENGTH, fit_intercept=False, solver="sparse_cg", max_iter=200, tol=1e-4)
    ridge.fit(rows, (numbers - middle).astype(np.float32))
    return ridge.coef_.astype(np.float32), middle


def _apply(found: tuple[Floats, float], rows: Any) -> Vector:
    return np.asarray(rows @ found[0] + found[1], dtype=np.float64)


def _nearness(spread: Vector, scale: Scale) -> Vector:
    """The probability of an error that counts as right, where ``spread`` is expected.

    Errors are taken to fall off exponentially (Laplace); the line makes it honest.
    """
    least = scale.near / 20.0
    return np.asarray(1.0 - np.exp(-scale.near / np.maximum(spread, least)))
