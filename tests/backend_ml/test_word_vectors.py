"""Words that are used alike: what is counted, and who ends up beside whom."""

from __future__ import annotations

import numpy as np
import pytest

from backend_ml import word_vectors
from tests.support import wide

TEXTS = [text.lower().split() for text in wide.texts(1_500)]


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
    assert one.shares.sum() == pytest.approx(1.0)  # no word of these texts is rare
    assert np.array_equal(one.rows, same.rows)


def test_the_most_frequent_words_come_first_and_rare_ones_not_at_all() -> None:
    # "a" three times; "b" and "c" twice, by the alphabet; "once" is too rare.
    found = word_vectors.find(
        [["a", "b", "c", "once"], ["a", "c"], ["b", "a"]], dimensions=2, seed=0
    )
    assert found.words == ("a", "b", "c")


@pytest.mark.parametrize("texts", [[], [[], []], [["hello", "hello"]], [["a", "b"], ["a", "b"]]])
def test_of_too_few_words_nothing_is_said(texts: list[list[str]]) -> None:
    found = word_vectors.find(texts, dimensions=2, seed=0)
    assert found.words == ()
    assert found.rows.shape == (0, 2)


def test_neighbours_are_counted_with_their_place() -> None:
    # Words 0 a, 1 b; 2 is an edge and 3 what is too rare; each place has four columns:
    # -2 from 0, -1 from 4, +1 from 8, +2 from 12.
    counts = word_vectors._beside([[0, 1, 3], [1]], 2).toarray()
    wanted = np.zeros((2, 16))
    wanted[0, [0 + 2, 4 + 2, 8 + 1, 12 + 3]] = 1  # edge edge [a] b rare
    wanted[1, [0 + 2, 4 + 0, 8 + 3, 12 + 2]] += 1  # edge a [b] rare edge
    wanted[1, [0 + 2, 4 + 2, 8 + 2, 12 + 2]] += 1  # alone
    assert np.array_equal(counts, wanted)


def test_words_of_one_text_are_counted_once_for_each_text() -> None:
    # Word 0 twice in the first text, which has 1 once: 2 for (0, 1) and 1 for (1, 0).
    counts = word_vectors._together([[0, 1, 0, 3], [2, 1], [0]], 3).toarray()
    assert np.array_equal(counts, [[0, 2, 0], [1, 0, 1], [0, 1, 0]])


def test_of_all_others_only_the_frequent_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "MOST_TOGETHER", 1)
    assert np.array_equal(word_vectors._together([[0, 1], [1, 2]], 3).toarray(), [[0], [1], [0]])


def test_words_about_one_subject_are_close_where_texts_count_as_a_whole() -> None:
    # Two subjects of forty words; a sentence takes six of one, with small words between, so
    # that no neighbour tells them apart.
    rng = np.random.default_rng(0)
    texts = []
    for number in range(600):
        own = [f"{'ab'[number % 2]}{i}" for i in rng.integers(0, 40, 6)]
        texts.append([word for one in own for word in (one, "so", "and", "so")])
    shares = []
    for together in (True, False):
        found = word_vectors.find(texts, dimensions=10, seed=0, together=together)
        words = np.array([word[0] for word in found.words])
        subject = np.isin(words, ["a", "b"]) & (np.array(found.words) != "and")
        rows, sorts = found.rows[subject], words[subject]
        likeness = rows @ rows.T
        np.fill_diagonal(likeness, -1.0)
        shares.append(float(np.mean(sorts[likeness.argmax(axis=1)] == sorts)))
    assert shares[0] >= 0.95
    assert shares[1] <= 0.75


def test_only_so_many_tokens_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "MOST_TOKENS", 6)
    found = word_vectors.find(
        [["a", "b", "c"], ["a", "b", "c"], ["late", "late"]], dimensions=2, seed=0
    )
    assert found.words == ("a", "b", "c")


def test_only_so_many_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "MOST_WORDS", 30)
    assert len(word_vectors.find(TEXTS, dimensions=20, seed=0).words) == 30
