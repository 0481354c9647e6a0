"""Hashed features of texts, and what is kept of them."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from backend_ml import text_features
from backend_ml.kept import OVERHEAD, Kept
from backend_ml.text_features import Ascending
from tests.backend_ml.corpus import messages

ODD = ["", " ", "a", "Zoë 😀😀", "ab ab", "\ud800 lone", "x" * 30_000, "tab\tand\nline", "I it's"]


def tfidf() -> FeatureUnion:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return FeatureUnion([("words", words), ("pieces", pieces)])


def test_rows_are_those_of_scikit_learn() -> None:
    """Columns stand in another order, so compare what does not depend on it."""
    texts = [text for text, _, _ in messages(60, seed=3)] + ["ab", "the the THE cat", "Zoë zoe"]
    theirs = tfidf().fit_transform(texts)
    ours = text_features.weigh(texts, most=10**6).matrix(texts)
    assert ours.shape == theirs.shape
    assert ours.nnz == theirs.nnz
    gram = (ours @ ours.T).toarray()
    assert gram == pytest.approx((theirs @ theirs.T).toarray(), abs=1e-5)


def test_pieces_by_hand() -> None:
    # " ab ": two of 2 edges, " a", "ab", "b "; of three " ab", "ab "; of four " ab "; a word "ab".
    features, counts = text_features.analyse(["ab"])[0]
    words = features[features % 2 == text_features.WORDS]
    assert (len(words), len(features) - len(words)) == (1, 6)
    assert counts.tolist() == [1] * 7


def test_a_text_does_not_depend_on_its_company() -> None:
    together = text_features.analyse(ODD)
    for text, row in zip(ODD, together, strict=True):
        alone = text_features.analyse([text])[0]
        assert [part.tolist() for part in row] == [part.tolist() for part in alone]


def test_odd_texts_make_finite_rows() -> None:
    weights = text_features.weigh(["ab cd", "cd ef"], most=100)
    rows = weights.matrix([*ODD, "ab cd"])
    assert np.isfinite(rows.data).all()
    lengths = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    assert lengths[:2].tolist() == [0.0, 0.0]
    assert lengths[-1] == pytest.approx(2.0)  # two groups of unit length


def test_what_is_unknown_makes_a_text_short() -> None:
    weights = text_features.weigh(["red sky", "blue sky"], most=1000)
    known, half = weights.matrix(["red sky", "red qqqq"])
    assert known.multiply(known).sum() == pytest.approx(2.0)
    assert half.multiply(half).sum() < 1.0


def test_no_more_features_than_allowed() -> None:
    weights = text_features.weigh(["sky one", "sky two", "sky three"], most=5)
    assert len(weights) == 5
    assert weights.features.tolist() == sorted(weights.features.tolist())
    assert weights.matrix(["sky"]).nnz == 5  # those in most texts are kept


def test_widening_adds_what_is_new_and_keeps_the_rest() -> None:
    weights = text_features.weigh(["red sky", "blue sky"], most=1000)
    wider, places = text_features.widen(weights, ["green sky"], most=1000)
    assert wider.texts == 3
    assert len(wider) == len(weights) + len(places)
    assert set(weights.features.tolist()) < set(wider.features.tolist())
    assert wider.features.tolist() == sorted(wider.features.tolist())
    same, none = text_features.widen(weights, ["green sky"], most=len(weights))
    assert (len(same), len(none)) == (len(weights), 0)


def test_each_text_is_worked_out_once() -> None:
    asked: list[str] = []

    def length(texts: object) -> list[int]:
        assert isinstance(texts, list)
        asked.extend(texts)
        return [len(text) for text in texts]

    kept = Kept(length, lambda _: 8, most_bytes=10_000)
    assert kept.of(["a", "bb", "a"]) == [1, 2, 1]
    assert kept.of(["bb", "ccc"]) == [2, 3]
    assert asked == ["a", "bb", "ccc"]


def test_the_texts_used_last_are_kept() -> None:
    asked: list[str] = []

    def note(texts: object) -> list[int]:
        assert isinstance(texts, list)
        asked.extend(texts)
        return [0 for _ in texts]

    room = 100 + OVERHEAD
    kept = Kept(note, lambda _: 100, most_bytes=2 * room)
    kept.of(["a", "b"])
    kept.of(["a"])
    kept.of(["c"])  # "b" is the one that goes
    assert (len(kept), kept.size) == (2, 2 * room)
    kept.of(["a", "c", "b"])
    assert asked == ["a", "b", "c", "b"]


def test_threads_may_share_what_is_kept() -> None:
    texts = [text for text, _, _ in messages(200, seed=5)]
    kept = Kept(text_features.analyse, lambda row: row[0].nbytes, most_bytes=50_000)
    wanted = [row[0].tolist() for row in text_features.analyse(texts)]
    found: list[bool] = []

    def work(start: int) -> None:
        rows = kept.of(texts[start:] + texts[:start])
        turned = wanted[start:] + wanted[:start]
        found.append([row[0].tolist() for row in rows] == turned)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert kept.size <= 50_000


@given(
    st.sets(st.integers(0, 2**32 - 1)).map(sorted),
    st.lists(st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**31, 2**32 - 2, 2**32 - 1])),
)
def test_looking_up_finds_what_halving_finds(numbers: list[int], others: list[int]) -> None:
    ascending = np.array(numbers, dtype=np.uint32)
    wanted = np.array([*others, *numbers], dtype=np.uint32)
    found = Ascending.of(ascending).search(wanted)
    assert found.tolist() == np.searchsorted(ascending, wanted).tolist()


def test_numbers_that_begin_alike_are_found_too() -> None:
    crowded = np.arange(500, dtype=np.uint32) * 3 + 7
    wanted = np.arange(2_000, dtype=np.uint32)
    found = Ascending.of(crowded).search(wanted)
    assert found.tolist() == np.searchsorted(crowded, wanted).tolist()


def test_what_is_kept_is_nothing_that_garbage_collection_looks_through() -> None:
    rows = text_features.analyse(["some words", "and others"])
    gc.collect()
    assert not any(gc.is_tracked(row) for row in rows)
