"""Labelling played again with answers that are known: which learner and strategy would have paid?

It runs the product's own learner and strategy files the way publishing does: the
strategy sees the pool as the newest model sees it, chooses a batch, the answers
are revealed, the learner learns from scratch. Nothing is stored and nobody asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from backend_ml import embeddings, strategies, training
from backend_ml.describing import describer
from backend_ml.learners.base import Guess, Guesses, Learner
from backend_ml.pool import Matrix, Pool, Positions
from backend_ml.pooling import DESCRIBED, NEWEST
from backend_ml.strategies.base import Strategy
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.vocabulary import Answer

RANDOM = "random"
ONE_CHOICE = ("choice", "taxonomy")
Describe = Callable[[Positions], Matrix]


@dataclass(frozen=True)
class Row:
    """A text and its right answer."""

    text: str
    answer: Answer


@dataclass(frozen=True)
class Point:
    """What a learner could do after so many labels."""

    labels: int
    quality: float
    """On the test rows, in [0, 1]; see :func:`quality_of`."""
    marks: int
    """Marks in those labels: choices that were made, spans that were drawn."""
    fit_seconds: float


Stop = Callable[[Sequence[Point]], bool]


def replay(  # noqa: PLR0913 - the last two only save time
    kind: Kind,
    train: Sequence[Row],
    test: Sequence[Row],
    *,
    learner: str,
    strategy: str,
    sizes: Sequence[int],
    seed: int,
    stop: Stop | None = None,
    describe: Describe | None = None,
) -> list[Point]:
    """One learning curve.

    Parameters
    ----------
    kind : Kind
        Of the answers; its form decides how quality is measured.
    train, test : sequence of Row
        The pool to choose from, and the rows to measure with.
    learner, strategy : str
        Files of ``learners`` and ``strategies``.
    sizes : sequence of int
        Numbers of labels, ascending, at which the learner is fitted, measured and
        asked what to choose next; larger ones than the pool count as the whole pool.
    seed : int
        The same seed gives the same points, but for the seconds.
    stop : callable, optional
        Told the points so far; true ends the replay.
    describe : callable, optional
        What :func:`description_of` gives for ``train``, to share it between replays.

    Returns
    -------
    list of Point
        One a size.
    """
    described = describe or description_of(train)
    game = _Game(kind, train, strategy, described, np.random.default_rng(seed))
    points: list[Point] = []
    for size in sorted({min(size, len(train)) for size in sizes if size > 0}):
        game.label(size)
        fitted, seconds = game.fit(learner, seed=seed)
        quality = quality_of(kind, test, fitted.predict([row.text for row in test]).items)
        points.append(Point(size, quality, game.marks, seconds))
        if stop is not None and stop(points):
            break
    return points


def description_of(rows: Sequence[Row]) -> Describe:
    """How like the texts are, as the product describes them to strategies; made when asked for."""
    return describer([row.text for row in rows], embedder=embeddings.current())


def quality_of(kind: Kind, rows: Sequence[Row], guesses: Sequence[Guess | None]) -> float:
    """How good the guesses are, in [0, 1]; abstaining is an empty answer.

    The share of right answers where one of several classes is chosen, the mean
    agreement of the kind's own metric for numbers, and for all others the
    micro-averaged F1 of marks, which must agree in label and in both ends.
    """
    answers = [() if guess is None else guess.answer for guess in guesses]
    pairs = list(zip((row.answer for row in rows), answers, strict=True))
    if kind.form in ONE_CHOICE:
        return float(np.mean([truth == answer for truth, answer in pairs]))
    if kind.form == "number":
        metric = training.metric_of(kind)
        return float(
            np.mean([training.closeness(metric, truth, answer) for truth, answer in pairs])
        )
    right = sum(len(set(truth) & set(answer)) for truth, answer in pairs)
    said = sum(len(set(truth)) + len(set(answer)) for truth, answer in pairs)
    return 1.0 if said == 0 else 2.0 * right / said


def labels_to(points: Sequence[Point], target: float) -> int | None:
    """Labels at which quality ``target`` is reached and held to the last point.

    Between the last point below and the first point that holds, on the straight
    line: so a coarse row of sizes favours nobody. ``None`` when it never holds.
    """
    return _cost_to(points, target, lambda point: point.labels)


def marks_to(points: Sequence[Point], target: float) -> int | None:
    """As :func:`labels_to`, in marks: people draw spans one by one."""
    return _cost_to(points, target, lambda point: point.marks)


def _cost_to(points: Sequence[Point], target: float, cost: Callable[[Point], int]) -> int | None:
    below = [place for place, point in enumerate(points) if point.quality < target]
    first = below[-1] + 1 if below else 0
    if first >= len(points):
        return None
    after = points[first]
    if first == 0:
        return cost(after)
    before = points[first - 1]
    share = (target - before.quality) / (after.quality - before.quality)
    return round(cost(before) + share * (cost(after) - cost(before)))


class _Game:
    """Who has answered what so far, and the model that chooses the next."""

    def __init__(
        self,
        kind: Kind,
        train: Sequence[Row],
        strategy: str,
        describe: Describe,
        rng: np.random.Generator,
    ) -> None:
        self._kind = kind
        self._train = train
        self._texts = tuple(row.text for row in train)
        self._strategy = cast(Strategy, discovery.load(strategies, strategy))
        self._blind = strategy == RANDOM
        self._describe = describe
        self._rng = rng
        self._learner: Learner | None = None
        self._open: Positions = np.arange(len(train), dtype=np.int64)
        self._labelled: list[int] = []

    @property
    def marks(self) -> int:
        """In all answers that are known."""
        return sum(len(self._train[i].answer) for i in self._labelled)

    def label(self, size: int) -> None:
        """Have the strategy choose until ``size`` rows are labelled, and reveal them."""
        wanted = size - len(self._labelled)
        if wanted <= 0:
            return
        chosen = self._open[self._strategy.select(self._pool(), wanted, rng=self._rng)]
        self._labelled += [int(i) for i in chosen]
        self._open = np.setdiff1d(self._open, chosen)

    def fit(self, learner: str, *, seed: int) -> tuple[Learner, float]:
        """A new learner of all that is labelled, and how long it took."""
        rows = [self._train[i] for i in sorted(self._labelled)]
        begun = time.monotonic()
        fresh = training.learn(self._kind, learner, rows, seed=seed, texts=self._texts)
        self._learner = fresh
        return fresh, time.monotonic() - begun

    def _pool(self) -> Pool:
        """The open rows as ``pooling`` shows them; a blind strategy needs no model."""
        opened = self._open
        if self._blind:
            return Pool(np.zeros(len(opened)))
        newest = self._labelled[::-1][:NEWEST]
        marks = [
            [m.label for m in self._train[i].answer if m.control == self._kind.control]
            for i in newest
        ]
        return replace(
            self._guesses().pool(),
            describe=lambda some: self._describe(opened[some]),
            answered=(lambda: self._describe(np.array(newest[:DESCRIBED]))) if newest else None,
            labelled=len(self._labelled),
            seen=len({label for one in marks for label in one} & set(self._kind.labels)),
            classes=len(self._kind.labels),
            cardinality=sum(map(len, marks)) / len(marks) if marks else None,
        )

    def _guesses(self) -> Guesses:
        if self._learner is None:
            return Guesses(tuple(None for _ in self._open))
        return self._learner.predict([self._train[int(i)].text for i in self._open])
