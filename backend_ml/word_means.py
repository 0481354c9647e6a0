"""What a text is about, as the mean of its words' vectors: an embedding without a download.

The vectors are learned from the project's own texts, labelled or not
(:mod:`backend_ml.word_vectors`), so *book me a table* is like *reserve a place* once both
words have been seen in enough requests. Measured in ``learners/README.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from backend_ml import text_features, word_vectors
from backend_ml.embeddings import unit
from backend_ml.text_features import Ascending, Codes
from backend_ml.word_vectors import Floats

DIMENSIONS = 100
FEWEST_WORDS = 400
"""Of fewer nothing is learned: with 150 to 250 answers got worse (learners/README.md)."""
COMMON = 1e-3
"""A word that makes up such a share of all words counts half."""
KEPT = 4


@dataclass(frozen=True, eq=False)
class WordMeans:
    """The vectors of words, as heavy as the words count.

    Attributes
    ----------
    features : array of uint32, shape (n_words,)
        Of :mod:`backend_ml.text_features`, ascending.
    rows : array of float16, shape (n_words, n_dimensions)
    """

    features: Codes
    rows: NDArray[np.float16]

    @property
    def width(self) -> int:
        """Dimensions."""
        return int(self.rows.shape[1])

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape (n_texts, n_dimensions), of unit length; zero for a text of unknown words."""
        return unit(text_features.counts_of(texts, self._among) @ self._wide)

    @cached_property
    def _among(self) -> Ascending:
        return Ascending.of(self.features)

    @cached_property
    def _wide(self) -> Floats:
        return self.rows.astype(np.float32)


def find(texts: Sequence[str], *, seed: int) -> WordMeans | None:
    """Learn the vectors of the words of ``texts``; ``None`` where these are too few to tell."""
    return _find(tuple(texts), seed)


@lru_cache(maxsize=KEPT)
def _find(texts: tuple[str, ...], seed: int) -> WordMeans | None:
    """The words count less the more frequent they are.

    References
    ----------
    Arora, Liang & Ma (2017), ICLR: smooth inverse frequency.
    """
    words = [one.tolist() for one in text_features.words_in_order(texts)]
    found = word_vectors.find(words, dimensions=DIMENSIONS, seed=seed, together=True)
    if len(found.words) < FEWEST_WORDS:
        return None
    heavy = found.rows * (COMMON / (COMMON + found.shares))[:, None]
    features = np.array(found.words, dtype=np.uint32)
    order = np.argsort(features)
    return WordMeans(features[order], heavy[order].astype(np.float16))
