"""What texts are like, so that a batch can be spread over different ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from sklearn.preprocessing import normalize

from backend_ml.pool import Compact, Matrix, Positions
from backend_ml.semantics import DIMENSIONS, lsa


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
