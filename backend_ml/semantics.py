"""Latent semantics: texts that use words which go together get close rows.

Finding the words that go together takes seconds with some thousand texts, so what was found
is kept a project (:class:`Semantics`) for as long as its texts are mostly the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from backend_ml.pool import Compact

SAMPLE = 5_000
"""So many texts say which words matter and which go together."""
DIMENSIONS = 200
COLUMNS = 2**15
"""Words and pairs of words are hashed into so many columns, pieces of words into as many."""
LONGEST = 2_000
"""Characters of a text that are looked at."""
NEW_SHARE = 0.2
"""With more texts that were not there, what goes together is found anew."""
MOST_KEPT = 4
"""Projects; each takes up to 52 MB."""

Rows = Callable[[Sequence[str]], Compact]
Hashes = NDArray[np.int64]


class Semantics:
    """What goes together in the texts of each project, as found last; safe to use from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Latent] = OrderedDict()

    def of(self, project_id: int, texts: Sequence[str], *, seed: int) -> Latent:
        """For a project with these texts: what is kept, or if too many are new, a new one."""
        here = _hashes(texts)
        with self._lock:
            kept = self._kept.get(project_id)
            if kept is None or not kept.suits(here):
                kept = self._kept[project_id] = Latent(texts, here, seed=seed)
            self._kept.move_to_end(project_id)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept


class Latent:
    """An embedder of one project's texts, fitted when it is first asked."""

    def __init__(self, texts: Sequence[str], hashes: Hashes, *, seed: int) -> None:
        self._lock = threading.Lock()
        self._texts: Sequence[str] = texts
        self._hashes = hashes
        self._seed = seed
        self._rows: Rows | None = None

    def suits(self, hashes: Hashes) -> bool:
        """Whether few texts are new; that others have gone does not matter."""
        return len(hashes) == 0 or float(np.mean(~np.isin(hashes, self._hashes))) <= NEW_SHARE

    def embed(self, texts: Sequence[str]) -> Compact:
        """Shape (n_texts, n_dimensions)."""
        with self._lock:
            if self._rows is None:
                self._rows, self._texts = lsa(self._texts, seed=self._seed), ()
        return self._rows(texts)


def _hashes(texts: Sequence[str]) -> Hashes:
    return np.unique(np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts)))


def lsa(texts: Sequence[str], *, seed: int) -> Rows:
    """A function from texts to rows, shape (n, at most ``DIMENSIONS``), by latent semantics.

    TF-IDF of hashed words, pairs of words and pieces of words, projected on the
    directions in which a sample of ``texts`` differs most. Texts that are all alike
    have one direction.

    References
    ----------
    Deerwester et al. (1990), JASIS. Halko, Martinsson & Tropp (2011), SIAM Review.
    """
    if not texts:
        return lambda some: np.zeros((len(some), 1), dtype=np.float32)
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(texts))[:SAMPLE]
    first = [texts[i][:LONGEST] for i in sample]
    weights = [TfidfTransformer(sublinear_tf=True).fit(one) for one in _counts(first)]

    def weighed(some: Sequence[str]) -> sparse.csr_matrix:
        parts = zip(weights, _counts(some), strict=True)
        stacked = sparse.hstack([weight.transform(counts) for weight, counts in parts])
        return sparse.csr_matrix(stacked)

    rank = max(1, min(DIMENSIONS, len(sample) - 1))
    fitted = weighed(first)
    used = np.unique(fitted.indices)  # the work of the next step grows with the columns
    if not len(used):
        return lambda some: np.zeros((len(some), rank), dtype=np.float32)
    _, _, directions = randomized_svd(
        fitted[:, used], rank, n_iter=3, random_state=int(rng.integers(2**31))
    )
    onto = np.ascontiguousarray(directions.T, dtype=np.float32)

    def rows(some: Sequence[str]) -> Compact:
        found = weighed([text[:LONGEST] for text in some])[:, used]
        return np.asarray(found @ onto, dtype=np.float32)

    return rows


def _counts(texts: Sequence[str]) -> list[sparse.csr_matrix]:
    """How often each text has each word or pair of words, and each piece of a word."""
    shared = {"n_features": COLUMNS, "alternate_sign": False, "norm": None, "dtype": np.float32}
    words = HashingVectorizer(ngram_range=(1, 2), **shared)
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **shared)
    return [words.transform(texts), pieces.transform(texts)]
