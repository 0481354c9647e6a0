"""What a random field sees of a token besides the token itself and those around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend_ml.features import Token
from backend_ml.learners import _clusters, _hints
from backend_ml.learners._clusters import WordClusters
from backend_ml.learners._hints import Hints

BYTES_PER_HINT = 210
"""Three more features a token."""
BYTES_PER_CLUSTER = 140
"""Two more."""


@dataclass(frozen=True)
class Background:
    """The rules of a kind, and which words are used alike; either may be missing.

    Equal when they are the same objects, so it may be the key of what is kept.
    """

    hints: Hints | None = None
    clusters: WordClusters | None = None

    @property
    def bytes_per_token(self) -> int:
        """What it adds to the room that a token takes."""
        ruled = 0 if self.hints is None else BYTES_PER_HINT
        return ruled + (0 if self.clusters is None else BYTES_PER_CLUSTER)

    def add_to(self, seen: Sequence[list[str]], text: str, tokens: Sequence[Token]) -> None:
        """Add its features to those of each token."""
        if self.hints is not None:
            _extend(seen, self.hints.token_features(text, tokens))
        if self.clusters is not None:
            _extend(seen, self.clusters.token_features(tokens))

    def save(self, folder: Path) -> dict[str, str]:
        """Write it beside a model; what to note of it."""
        return {**_hints.save(self.hints, folder), **_clusters.save(self.clusters, folder)}


def load(folder: Path, notes: Mapping[str, str]) -> Background:
    """What a model was trained with; raises ``ValueError`` when it was exchanged."""
    return Background(_hints.load(folder, notes), _clusters.load(folder, notes))


def _extend(seen: Sequence[list[str]], more: Sequence[Sequence[str]]) -> None:
    for own, found in zip(seen, more, strict=True):
        own += found
