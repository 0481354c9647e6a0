"""What the strategy may look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from backend_ml import pooling
from backend_ml.learners.base import Guess, Guesses
from backend_ml.pooling import Known
from backend_ml.selecting import View
from projects.vocabulary import Mark

NOTHING = Known(0, 0, None, ())


class ByLength:
    """Sure of long texts; remembers what it was asked."""

    classes_ = ("a", "b")

    def __init__(self, *, with_proba: bool = True) -> None:
        self.asked: list[int] = []
        self._with_proba = with_proba

    def predict(self, texts: Sequence[str]) -> Guesses:
        self.asked.append(len(texts))
        sure = np.array([len(text) / 100_000 for text in texts])
        items = tuple(Guess((Mark("c", "a"),), float(p), (float(p),)) for p in sure)
        return Guesses(items, proba=np.column_stack([sure, 1 - sure]) if self._with_proba else None)


def look(learner: ByLength | None, texts: Sequence[str], known: Known = NOTHING) -> View:
    rng = np.random.default_rng(0)
    return pooling.look(learner, texts, known, classes=2, embedder=None, rng=rng)  # type: ignore[arg-type]


def test_rows_are_in_the_order_of_the_tasks() -> None:
    view = look(ByLength(), ["x" * n for n in range(1, 51)])
    assert view.positions.tolist() == list(range(50))
    assert view.pool.confidence == pytest.approx(np.arange(1, 51) / 100_000)
    assert view.pool.proba is not None
    assert view.pool.proba.dtype == np.float32
    assert view.pool.proba[:, 0] == pytest.approx(np.arange(1, 51) / 100_000, rel=1e-5)


def test_tasks_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "CHUNK", 20)
    learner = ByLength()
    assert len(look(learner, ["word"] * 50).pool) == 50
    assert learner.asked == [20, 20, 10]


def test_a_slow_learner_looks_at_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "CHUNK", 20)
    monkeypatch.setattr(pooling, "LEAST", 30)
    monkeypatch.setattr(pooling, "SECONDS", -1.0)
    view = look(ByLength(), ["x" * n for n in range(1, 201)])
    assert len(view.pool) == len(view.positions) == 40
    assert view.pool.confidence * 100_000 - 1 == pytest.approx(view.positions.astype(float))
    assert max(view.positions) > 100  # a random part, not the first tasks


def test_the_pool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "MOST", 30)
    assert len(look(None, ["word"] * 200).pool) == 30


def test_without_a_learner_nothing_is_known() -> None:
    view = look(None, ["one", "two"])
    assert view.pool.confidence.tolist() == [0.0, 0.0]
    assert view.pool.proba is None
    assert len(look(ByLength(), []).pool) == 0


def test_what_a_part_cannot_tell_the_pool_does_not_have() -> None:
    assert look(ByLength(with_proba=False), ["one", "two"]).pool.proba is None


def test_answered_tasks_are_described_like_open_ones() -> None:
    known = Known(7, 2, 1.5, ("cancel the call", "move the slot"))
    pool = look(None, ["move the slot", "cancel the call", "cancel a call"], known).pool
    assert (pool.labelled, pool.seen, pool.classes, pool.cardinality) == (7, 2, 2, 1.5)
    assert pool.answered is not None
    assert pool.describe is not None
    assert pool.answered() == pytest.approx(pool.describe(np.array([1, 0])))
