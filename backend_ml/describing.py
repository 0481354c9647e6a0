"""What texts are like, so that a batch can be spread over different ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from backend_ml.pool import Compact, Matrix, Positions

SAMPLE = 5_000
"""So many texts say which words matter and which go together."""
DIMENSIONS = 200
COLUMNS = 2**15
"""Words and pairs of words are hashed into so many columns, pieces of words into as many."""
LONGEST = 2_000
"""Characters of a text that are looked at."""


class Embedder(Protocol):
    """Sentence embeddings: like texts get close rows."""

    def embed(self, texts: Sequence[str]) -> Compact:
        """Shape (n_texts, n_dimensions)."""


def describer(
    texts: Sequence[str], *, embedder: Embedder | None = None, seed: int = 0
) -> Callable[[Positions], Matrix]:
    """A function from positions in ``texts`` to rows of unit length, or zero for no words.

    With an embedder its rows; without, latent semantic analysis of the texts: fitted
    when first asked, on at most ``SAMPLE`` of them. Each row is made once.
    """
    describe = _Described(texts, embedder.embed if embedder else None, seed)
    return describe


class _Described:
    """Rows made when asked for, and kept."""

    def __init__(
        self,
        texts: Sequence[str],
        embed: Callable[[Sequence[str]], Compact] | None,
        seed: int,
    ) -> None:
        self._texts = texts
        self._embed = embed
        self._seed = seed
        self._rows: dict[int, Matrix] = {}

    def __call__(self, positions: Positions) -> Matrix:
        asked = [int(position) for position in positions]
        new = [p for p in dict.fromkeys(asked) if p not in self._rows]
        if new:
            if self._embed is None:
                self._embed = lsa(self._texts, seed=self._seed)
            made = np.asarray(self._embed([self._texts[p] for p in new]), dtype=np.float64)
            self._rows |= dict(zip(new, normalize(made), strict=True))
        if not asked:
            return np.zeros((0, DIMENSIONS))
        return np.vstack([self._rows[p] for p in asked])


def lsa(texts: Sequence[str], *, seed: int) -> Callable[[Sequence[str]], Matrix]:
    """A function from texts to rows, shape (n, at most ``DIMENSIONS``), by latent semantics.

    TF-IDF of hashed words, pairs of words and pieces of words, projected on the
    directions in which a sample of ``texts`` differs most. Texts that are all alike
    have one direction.

    References
    ----------
    Deerwester et al. (1990), JASIS. Halko, Martinsson & Tropp (2011), SIAM Review.
    """
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
        return lambda some: np.zeros((len(some), rank))
    _, _, directions = randomized_svd(
        fitted[:, used], rank, n_iter=3, random_state=int(rng.integers(2**31))
    )

    def rows(some: Sequence[str]) -> Matrix:
        found = weighed([text[:LONGEST] for text in some])[:, used]
        return np.asarray(found @ directions.T, dtype=np.float64)

    return rows


def _counts(texts: Sequence[str]) -> list[sparse.csr_matrix]:
    """How often each text has each word or pair of words, and each piece of a word."""
    shared = {"n_features": COLUMNS, "alternate_sign": False, "norm": None, "dtype": np.float32}
    words = HashingVectorizer(ngram_range=(1, 2), **shared)
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **shared)
    return [words.transform(texts), pieces.transform(texts)]
