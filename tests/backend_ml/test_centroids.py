"""Likeness to the mean embedding of each label's texts, beside the distances of a machine."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend_ml import centroids, embeddings, linear
from backend_ml.learners import choice_linear, choices_linear
from backend_ml.pool import Matrix
from projects.vocabulary import Mark
from tests.support import kinds

LABELS = tuple(f"topic {i}" for i in range(12))
WIDTH = 24
MADE_OF = {
    f"{random.Random(f'{label} {number}').getrandbits(64):x}": (label, number)
    for number in range(90)
    for label in range(len(LABELS))
}
"""Texts, and the label and the number each is made of."""


class Cloud:
    """An embedder for which the texts of a label lie around one point, far or near."""

    digest = "cloud"
    width = WIDTH

    def __init__(self, noise: float) -> None:
        self.noise = noise
        self._points = np.random.default_rng(5).normal(size=(len(LABELS), WIDTH))

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        rows = [self._row(*MADE_OF[text]) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), WIDTH)

    def _row(self, label: int, number: int) -> NDArray[np.float64]:
        rng = np.random.default_rng((label, number))
        row = self._points[label] + self.noise * rng.normal(size=WIDTH)
        return np.asarray(row / np.linalg.norm(row))


def texts_of(numbers: range) -> tuple[list[str], NDArray[np.int64]]:
    """Of every label one text a number, of letters that say nothing."""
    texts = [text for text, (_, number) in MADE_OF.items() if number in numbers]
    return texts, np.array([MADE_OF[text][0] for text in texts])


def test_means_are_directions_less_what_is_common() -> None:
    rows = np.array([[3, 4], [0, 0], [0, 2], [0, 6]], dtype=np.float32)
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=np.bool_)
    found = centroids.means(rows, targets)
    # (.6, .8) and (0, 1), their mean (.3, .9); the third label has no text.
    assert found.T == pytest.approx(np.array([[0.3, -0.1], [-0.3, 0.1], [0, 0]]), abs=1e-6)
    assert centroids.means(rows, np.zeros((4, 2), dtype=np.bool_)).tolist() == [[0, 0], [0, 0]]


def test_a_text_that_is_held_out_is_no_part_of_a_mean() -> None:
    rows = np.eye(4, dtype=np.float32)
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.bool_)
    held = np.array([2, 0])
    found = centroids.out_of_fold(rows, targets, held, folds=2)
    for place, text in enumerate(held.tolist()):
        rest = np.delete(np.arange(4), text)
        assert (
            found[place].tolist()
            == (rows[text] @ centroids.means(rows[rest], targets[rest])).tolist()
        )
    assert found.max() <= 0.0, "no text is like the other one of its label"


def test_likeness_that_says_nothing_is_left_out() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 200)[:, None] == np.arange(4)
    distances = truth * 2.0 - 1.0 + 0.1 * rng.normal(size=truth.shape)
    noise = rng.normal(size=(200, 8)).astype(np.float32)
    target = truth * 2.0 - 1.0

    def far(scores: Matrix, rows: NDArray[np.int64]) -> float:
        return float(((scores - target[rows]) ** 2).mean())

    held = np.arange(200)
    blend, scores = centroids.fit(noise, truth, held, distances, folds=4, loss=far)
    assert blend is None
    assert scores is distances
    blend, scores = centroids.fit(
        0 * noise, truth, held, distances, folds=4, loss=lambda s, _: -s.sum()
    )
    assert blend is None, "embeddings of nothing have no spread"


def test_a_blend_is_as_wide_as_the_distances_were_and_knows_what_they_did() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 200)[:, None] == np.arange(4)
    distances = 0.3 * truth - 0.8 + 0.4 * rng.normal(size=truth.shape)
    distances[:50, 3] = -np.inf
    rows = (truth @ rng.normal(size=(4, 8)) + 0.5 * rng.normal(size=(200, 8))).astype(np.float32)
    known = np.isfinite(distances)

    held = np.arange(200)

    def wrong(scores: Matrix, of: NDArray[np.int64] = held) -> float:
        return float((scores.argmax(axis=1) != truth[of].argmax(axis=1)).mean())

    blend, scores = centroids.fit(rows, truth, held, distances, folds=4, loss=wrong)
    assert blend is not None
    assert wrong(scores) < 0.6 * wrong(distances)
    assert np.array_equal(np.isfinite(scores), known)
    assert centroids.spread(scores, known) == pytest.approx(centroids.spread(distances, known))
    assert scores[known].mean() == pytest.approx(distances[known].mean(), abs=0.02)
    again = blend.of(np.where(known, distances, 0.0), rows)
    assert wrong(np.where(known, again, -np.inf)) <= wrong(scores), "these means saw the texts"


def test_a_weight_is_judged_by_a_bounded_number_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centroids, "MOST_JUDGED", 4 * 50)
    monkeypatch.setattr(centroids, "FEWEST_JUDGED", 20)
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 200)[:, None] == np.arange(4)
    rows = truth.astype(np.float32)
    seen: list[list[int]] = []

    def judge(scores: Matrix, of: NDArray[np.int64]) -> float:
        assert scores.shape == (50, 4)
        seen.append(of.tolist())
        return float(-scores[truth[of]].mean())

    blend, scores = centroids.fit(
        rows, truth, np.arange(200), rng.normal(size=(200, 4)), folds=4, loss=judge
    )
    assert blend is not None
    assert scores.shape == (200, 4), "whoever is not judged by gets a score all the same"
    assert seen == [list(range(0, 200, 4))] * (1 + len(centroids.WEIGHTS))


def learned(texts: list[str], truth: NDArray[np.int64]) -> choice_linear.ChoiceLinear:
    learner = choice_linear.new(kinds.kind_of("choice"))
    answers = [(Mark(kinds.CONTROL, LABELS[label]),) for label in truth.tolist()]
    learner.fit(texts, answers, seed=0)
    return learner


def right(learner: choice_linear.ChoiceLinear, texts: list[str], truth: NDArray[np.int64]) -> float:
    items = learner.predict(texts).items
    found = [item.answer[0].label if item is not None else "" for item in items]
    return float(np.mean([a == LABELS[b] for a, b in zip(found, truth.tolist(), strict=True)]))


def test_few_texts_a_label_are_enough_for_a_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "current", lambda: Cloud(1.3))
    few, more = texts_of(range(3)), texts_of(range(50, 90))
    learner = learned(*few)
    machine = learner._machine
    assert machine is not None
    assert machine.blend is not None
    learner.save(tmp_path)
    again = choice_linear.load(tmp_path, kinds.kind_of("choice"))
    assert again.predict(more[0]).items == learner.predict(more[0]).items
    blended = right(learner, *more)
    learner.use(replace(machine, blend=None), learner.classes_, learner._line)
    assert blended > right(learner, *more) + 0.02


def test_labels_that_go_together_are_blended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "current", lambda: Cloud(1.3))
    texts, truth = texts_of(range(6))
    marks = [Mark(kinds.CONTROL, LABELS[label]) for label in truth.tolist()]
    both = Mark(kinds.CONTROL, "in every second text")
    answers = [(mark, both) if i % 2 else (mark,) for i, mark in enumerate(marks)]
    learner = choices_linear.new(kinds.kind_of("choices"))
    learner.fit(texts, answers, seed=0)
    assert learner._machine is not None
    assert learner._machine.blend is not None
    learner.save(tmp_path)
    again = choices_linear.load(tmp_path, kinds.kind_of("choices"))
    more = texts_of(range(50, 60))[0]
    assert again.predict(more).items == learner.predict(more).items


def test_learning_more_moves_the_borders_as_without_a_blend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What texts hold in the dual is read from the borders, whatever is added to them."""
    monkeypatch.setattr(embeddings, "current", lambda: Cloud(1.3))
    machine = learned(*texts_of(range(3)))._machine
    assert machine is not None
    assert machine.blend is not None
    texts, truth = texts_of(range(1, 5))
    targets = truth[:, None] == np.arange(len(LABELS))
    replayed = np.arange(len(texts)) < 2 * len(LABELS)
    with_it, without = (
        linear.learn_more(one, texts, targets, replayed=replayed, seed=3)
        for one in (machine, replace(machine, blend=None))
    )
    assert with_it.blend is machine.blend
    assert np.array_equal(with_it.coefficients, without.coefficients)
    assert np.abs(with_it.decide(texts) - without.decide(texts)).max() > 0.01
