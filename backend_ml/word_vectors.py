"""Words that are used alike, found in texts that nobody has labelled.

Two words stand close when the same words stand around them: *Monday* and *Friday*, *book*
and *reserve*. Whoever labels a few texts with one of them has told a learner something
about the others. Pure, and the same for the same texts and seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from backend_ml import features

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

FEWEST_TIMES = 2
"""A word that occurs once says little, and may be somebody's name."""
MOST_WORDS = 10_000
"""The most frequent ones."""
MOST_TOKENS = 300_000
"""Of all texts together; the texts that come after are not looked at."""
OFFSETS = (-2, -1, 1, 2)
"""Where the neighbours of a word stand that tell what it is like."""
SMOOTHING = 0.75
"""The power to which the frequency of a neighbour is taken: rare ones say less."""


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words in small letters, the most frequent first, and a row for each."""

    words: tuple[str, ...]
    rows: Floats
    """Shape (n_words, n_dimensions), of unit length."""


def find(texts: Sequence[str], *, dimensions: int, seed: int) -> WordVectors:
    """Vectors of the words that occur at least ``FEWEST_TIMES``.

    Positive pointwise mutual information of a word and its neighbours, each with its
    place, projected on the ``dimensions`` directions in which the words differ most.

    References
    ----------
    Levy, Goldberg & Dagan (2015), TACL: the smoothing, and the root of the singular values.
    """
    tokens = _tokens(texts)
    words = _frequent(tokens)
    if len(words) <= dimensions:
        return WordVectors((), np.zeros((0, dimensions), dtype=np.float32))
    found = _information(_counts(tokens, words))
    left, values, _ = randomized_svd(found, dimensions, random_state=seed)
    rows = left * np.sqrt(values)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return WordVectors(words, (rows / np.maximum(lengths, 1e-9)).astype(np.float32))


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    total = 0
    for text in texts:
        one = [token.text.lower() for token in features.tokenize(text)]
        found.append(one)
        total += len(one)
        if total >= MOST_TOKENS:
            break
    return found


def _frequent(tokens: Sequence[Sequence[str]]) -> tuple[str, ...]:
    times = Counter(word for one in tokens for word in one)
    often = sorted((-n, word) for word, n in times.items() if n >= FEWEST_TIMES)
    return tuple(word for _, word in often[:MOST_WORDS])


def _counts(tokens: Sequence[Sequence[str]], words: Sequence[str]) -> sparse.coo_matrix:
    """How often each word has each neighbour at each place, shape (n_words, n_neighbours).

    A neighbour is a word, the edge of a text, or any of the words that are too rare.
    """
    places = {word: place for place, word in enumerate(words)}
    edge, rare, kinds = len(words), len(words) + 1, len(words) + 2
    apart = [edge] * max(OFFSETS)
    line = [*apart]
    for one in tokens:
        line += [places.get(word, rare) for word in one]
        line += apart
    all_of = np.array(line, dtype=np.int64)
    at = np.flatnonzero(all_of < len(words))
    own = np.concatenate([all_of[at]] * len(OFFSETS))
    near = np.concatenate([all_of[at + o] + i * kinds for i, o in enumerate(OFFSETS)])
    shape = (len(words), kinds * len(OFFSETS))
    counts = sparse.coo_matrix((np.ones(len(own)), (own, near)), shape=shape)
    counts.sum_duplicates()
    return counts


def _information(counts: sparse.coo_matrix) -> sparse.csr_matrix:
    own = np.bincount(counts.row, counts.data, minlength=counts.shape[0])
    near = np.bincount(counts.col, counts.data, minlength=counts.shape[1]) ** SMOOTHING
    likely = own[counts.row] * near[counts.col] / near.sum()
    values = np.maximum(np.log(counts.data / likely), 0.0)
    return sparse.csr_matrix((values, (counts.row, counts.col)), shape=counts.shape)
