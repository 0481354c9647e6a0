"""Like texts get close rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from backend_ml import semantics
from backend_ml.describing import describer
from backend_ml.pool import Matrix
from tests.backend_ml.corpus import messages

TEXTS = [text for text, _, _ in messages(200)]


def rows(texts: Sequence[str], *, seed: int = 0) -> Matrix:
    return describer(texts, seed=seed)(np.arange(len(texts)))


def test_rows_are_of_unit_length() -> None:
    assert np.linalg.norm(rows(TEXTS), axis=1) == pytest.approx(np.ones(200))


def test_like_texts_are_closer_than_others() -> None:
    wish = ["cancel" if "cancel" in t else "move" if "move" in t else "set" for t in TEXTS]
    likeness = rows(TEXTS) @ rows(TEXTS).T
    same = np.array([[a == b for a in wish] for b in wish]) & ~np.eye(200, dtype=bool)
    different = ~same & ~np.eye(200, dtype=bool)
    assert likeness[same].mean() > likeness[different].mean() + 0.2


def test_same_texts_same_rows() -> None:
    found = rows([*TEXTS, TEXTS[3]])
    assert found[3] == pytest.approx(found[-1])
    assert np.array_equal(found, rows([*TEXTS, TEXTS[3]]))


@pytest.mark.parametrize(
    "texts",
    [[""], ["one"], ["one", "one"], ["", "", ""], ["a b", "c d"], ["\ufeff😀", "word", ""]],
)
def test_few_or_empty_texts_are_described(texts: list[str]) -> None:
    found = rows(texts)
    assert len(found) == len(texts)
    assert np.isfinite(found).all()
    lengths = np.linalg.norm(found, axis=1)
    assert ((np.abs(lengths - 1) < 1e-6) | (lengths == 0)).all()


def test_no_position_is_no_row() -> None:
    assert len(describer(TEXTS)(np.zeros(0, dtype=np.int64))) == 0


class Counting:
    """An embedder that says how many texts it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.given += texts
        return np.array([[len(text), 3.0] for text in texts])


def test_an_embedder_comes_first_and_is_asked_once() -> None:
    embedder = Counting()
    describe = describer(["four", "a", "bb"], embedder=embedder)
    assert embedder.given == []
    # (4, 3) is 5 long.
    assert describe(np.array([0])) == pytest.approx(np.array([[0.8, 0.6]]))
    assert describe(np.array([2, 0])).shape == (2, 2)
    assert embedder.given == ["four", "bb"]


def test_only_a_sample_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantics, "SAMPLE", 20)
    assert rows(TEXTS).shape == (200, 19)
