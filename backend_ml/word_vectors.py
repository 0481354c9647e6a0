"""Words that are used alike, found in texts that nobody has labelled.

Two words stand close when the same words stand around them: *Monday* and *Friday*, *book*
and *reserve*. Whoever labels a few texts with one of them has told a learner something
about the others. Pure, and the same for the same texts and seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from backend_ml.embeddings import unit

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Word = TypeVar("Word", str, int)
"""Words themselves, or numbers that stand for them."""

FEWEST_TIMES = 2
"""A word that occurs once says little, and may be somebody's name."""
MOST_WORDS = 10_000
"""The most frequent ones."""
MOST_TOKENS = 300_000
"""Of all texts together; the texts that come after are not looked at."""
MOST_TOGETHER = 2_000
"""Only the most frequent words are looked for anywhere in a text."""
OFFSETS = (-2, -1, 1, 2)
"""Where the neighbours of a word stand that tell what it is like."""
SMOOTHING = 0.75
"""The power to which the frequency of a neighbour is taken: rare ones say less."""
ROUNDS = 4
"""Of the search for directions."""


@dataclass(frozen=True, eq=False)
class WordVectors(Generic[Word]):
    """Words, the most frequent first, and a row for each."""

    words: tuple[Word, ...]
    shares: NDArray[np.float64]
    """Shape (n_words,): of all words of the texts, how many are this one."""
    rows: Floats
    """Shape (n_words, n_dimensions), of unit length."""


def find(
    texts: Sequence[Sequence[Word]], *, dimensions: int, seed: int, together: bool = False
) -> WordVectors[Word]:
    """Vectors of the words that occur at least ``FEWEST_TIMES``; none of too few words.

    Positive pointwise mutual information of a word and its neighbours, each with its
    place, projected on the ``dimensions`` directions in which the words differ most.

    Parameters
    ----------
    texts : sequence of sequences of words
    together : bool
        Whether words of the same text are neighbours too, wherever they stand. So words
        about one subject come close; without it, words that do the same in a sentence.

    References
    ----------
    Levy, Goldberg & Dagan (2015), TACL: the smoothing, and the root of the singular values.
    """
    lines = _first(texts)
    words, shares = _frequent(lines)
    if len(words) <= dimensions:
        return WordVectors((), np.zeros(0), np.zeros((0, dimensions), dtype=np.float32))
    places = {word: place for place, word in enumerate(words)}
    numbers = [[places.get(word, len(words) + 1) for word in one] for one in lines]
    found = [_beside(numbers, len(words))]
    if together:
        found.append(_together(numbers, len(words)))
    information = _information(sparse.hstack(found, format="coo"))
    left, values, _ = randomized_svd(information, dimensions, n_iter=ROUNDS, random_state=seed)
    return WordVectors(words, shares, unit(left * np.sqrt(values)))


def _first(texts: Sequence[Sequence[Word]]) -> Sequence[Sequence[Word]]:
    ends = np.cumsum([len(one) for one in texts])
    return texts[: int(np.searchsorted(ends, MOST_TOKENS)) + 1]


def _frequent(texts: Sequence[Sequence[Word]]) -> tuple[tuple[Word, ...], NDArray[np.float64]]:
    times: dict[Word, int] = {}
    for one in texts:
        for word in one:
            times[word] = times.get(word, 0) + 1
    often = sorted((-n, word) for word, n in times.items() if n >= FEWEST_TIMES)[:MOST_WORDS]
    counts = np.array([-n for n, _ in often], dtype=np.float64)
    return tuple(word for _, word in often), counts / max(1, sum(times.values()))


def _beside(texts: Sequence[Sequence[int]], words: int) -> sparse.coo_matrix:
    """How often each word has each neighbour at each place, shape (n_words, n_neighbours).

    A neighbour is a word, the edge of a text, or any of the words that are too rare:
    the numbers up to ``words``, then these two.
    """
    edge, kinds = words, words + 2
    apart = [edge] * max(OFFSETS)
    line = [*apart]
    for one in texts:
        line += one
        line += apart
    all_of = np.array(line, dtype=np.int64)
    at = np.flatnonzero(all_of < words)
    own = np.concatenate([all_of[at]] * len(OFFSETS))
    near = np.concatenate([all_of[at + o] + i * kinds for i, o in enumerate(OFFSETS)])
    return _counted(own, near, (words, kinds * len(OFFSETS)))


def _together(texts: Sequence[Sequence[int]], words: int) -> sparse.coo_matrix:
    """How often each word is in a text with each frequent other one, shape (n_words, n_others)."""
    places = np.repeat(np.arange(len(texts)), [len(one) for one in texts])
    own = np.fromiter((word for one in texts for word in one), dtype=np.int64, count=len(places))
    often = sparse.csr_matrix(_counted(places, own, (len(texts), words + 2)))
    there = often[:, : min(MOST_TOGETHER, words)].sign()
    found = sparse.coo_matrix(often[:, :words].T @ there)
    others = found.row != found.col
    parts = (found.data[others], (found.row[others], found.col[others]))
    return sparse.coo_matrix(parts, shape=found.shape)


def _counted(rows: Numbers, columns: Numbers, shape: tuple[int, int]) -> sparse.coo_matrix:
    counts = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    counts.sum_duplicates()
    return counts


def _information(counts: sparse.coo_matrix) -> sparse.csr_matrix:
    own = np.bincount(counts.row, counts.data, minlength=counts.shape[0])
    near = np.bincount(counts.col, counts.data, minlength=counts.shape[1]) ** SMOOTHING
    likely = own[counts.row] * near[counts.col] / near.sum()
    values = np.maximum(np.log(counts.data / likely), 0.0)
    return sparse.csr_matrix((values, (counts.row, counts.col)), shape=counts.shape)
