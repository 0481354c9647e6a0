"""Words that are used alike: what is counted, and who ends up beside whom."""

from __future__ import annotations

import numpy as np
import pytest

from backend_ml import word_vectors
from tests.support import wide

TEXTS = wide.texts(1_500)


def test_words_in_the_same_sentences_are_closest() -> None:
    found = word_vectors.find(TEXTS, dimensions=20, seed=0)
    here = {word: place for place, word in enumerate(found.words)}
    assert {*wide.PLACES, *wide.PEOPLE} <= set(here)
    likeness = found.rows @ found.rows.T
    np.fill_diagonal(likeness, -1.0)
    for group in (wide.PLACES, wide.PEOPLE):
        nearest = [found.words[int(likeness[here[word]].argmax())] for word in group]
        assert sum(word in group for word in nearest) >= 58  # of 60


def test_rows_have_unit_length_and_follow_from_the_seed() -> None:
    one, same = (word_vectors.find(TEXTS, dimensions=20, seed=3) for _ in range(2))
    assert one.rows.shape == (len(one.words), 20)
    assert np.linalg.norm(one.rows, axis=1) == pytest.approx(np.ones(len(one.words)), abs=1e-5)
    assert one.words == same.words
    assert np.array_equal(one.rows, same.rows)


def test_the_most_frequent_words_come_first_and_rare_ones_not_at_all() -> None:
    # "a" three times; "b" and "c" twice, by the alphabet; "once" is too rare.
    found = word_vectors.find(["a b c once", "A c", "b a"], dimensions=2, seed=0)
    assert found.words == ("a", "b", "c")


@pytest.mark.parametrize("texts", [[], ["", "  "], ["hello hello"], ["a b", "a b"]])
def test_of_too_few_words_nothing_is_said(texts: list[str]) -> None:
    found = word_vectors.find(texts, dimensions=2, seed=0)
    assert found.words == ()
    assert found.rows.shape == (0, 2)


def test_neighbours_are_counted_with_their_place() -> None:
    # Words 0 a, 1 b; 2 is an edge and 3 what is too rare; each place has four columns:
    # -2 from 0, -1 from 4, +1 from 8, +2 from 12.
    counts = word_vectors._counts([["a", "b", "rare"], ["b"]], ["a", "b"]).toarray()
    wanted = np.zeros((2, 16))
    wanted[0, [0 + 2, 4 + 2, 8 + 1, 12 + 3]] = 1  # edge edge [a] b rare
    wanted[1, [0 + 2, 4 + 0, 8 + 3, 12 + 2]] += 1  # edge a [b] rare edge
    wanted[1, [0 + 2, 4 + 2, 8 + 2, 12 + 2]] += 1  # alone
    assert np.array_equal(counts, wanted)


def test_only_so_many_tokens_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "MOST_TOKENS", 6)
    found = word_vectors.find(["a b c", "a b c", "late late"], dimensions=2, seed=0)
    assert found.words == ("a", "b", "c")


def test_only_so_many_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "MOST_WORDS", 30)
    assert len(word_vectors.find(TEXTS, dimensions=20, seed=0).words) == 30
