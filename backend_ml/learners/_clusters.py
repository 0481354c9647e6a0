"""Groups of words that are used alike, as a learner takes them in.

A tagger that has seen *Monday* marked as a date has then also seen something of *Friday*.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from backend_ml import features, word_vectors
from backend_ml.features import Token
from backend_ml.learners import _beside
from backend_ml.word_vectors import Numbers, WordVectors

NAME = "words"
WORDS_A_GROUP = (25, 7)
"""In the mean, of a coarse group and of a fine one: two features a word."""
MOST_GROUPS = 500
FEWEST_WORDS = 100
"""Of fewer there are no groups."""
DIMENSIONS = 50
UNKNOWN = "?"
"""The group of a word that was too rare."""
KEPT = 4


class WordClusters:
    """The group of each word, once a size."""

    def __init__(self, written: str) -> None:
        self.written = written
        groups: dict[str, list[int]] = json.loads(written)
        self._features = {word: _features(own) for word, own in groups.items()}
        sizes = len(next(iter(groups.values()), []))
        self._unknown = _features([UNKNOWN] * sizes)

    def token_features(self, tokens: Sequence[Token]) -> list[tuple[str, ...]]:
        """The groups of each token; nothing where no words are known."""
        return [self._features.get(token.text.lower(), self._unknown) for token in tokens]


def _features(groups: Sequence[int | str]) -> tuple[str, ...]:
    return tuple(f"c{number}={group}" for number, group in enumerate(groups))


def find(texts: Sequence[str], *, seed: int) -> WordClusters | None:
    """Groups of the words of ``texts``; ``None`` where these are too few to tell."""
    return _find(tuple(texts), seed)


@lru_cache(maxsize=KEPT)
def _find(texts: tuple[str, ...], seed: int) -> WordClusters | None:
    words = [[token.text.lower() for token in features.tokenize(text)] for text in texts]
    vectors = word_vectors.find(words, dimensions=DIMENSIONS, seed=seed)
    if len(vectors.words) < FEWEST_WORDS:
        return None
    sizes = [min(MOST_GROUPS, len(vectors.words) // many) for many in WORDS_A_GROUP]
    groups = np.stack([_grouped(vectors, size, seed) for size in sizes], axis=1)
    return of(json.dumps(dict(zip(vectors.words, groups.tolist(), strict=True))))


def _grouped(vectors: WordVectors[str], size: int, seed: int) -> Numbers:
    """The number of each word's group."""
    found = KMeans(size, n_init=1, random_state=seed).fit_predict(vectors.rows)
    return np.asarray(found, dtype=np.int64)


@lru_cache(maxsize=KEPT)
def of(written: str) -> WordClusters:
    """The groups as :attr:`WordClusters.written` has them; the same object while it is kept."""
    return WordClusters(written)


def save(clusters: WordClusters | None, folder: Path) -> dict[str, str]:
    """Write them beside the model; what to note of them."""
    written = None if clusters is None else clusters.written
    return _beside.save(written, folder, NAME)


def load(folder: Path, notes: Mapping[str, str]) -> WordClusters | None:
    """The groups that a model was trained with; raises ``ValueError`` when they were exchanged."""
    written = _beside.load(folder, NAME, notes)
    return None if written is None else of(written)
