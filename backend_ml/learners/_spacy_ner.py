"""spaCy's entity recogniser as a network by itself: made, trained within bounds, asked."""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.pipeline import EntityRecognizer
from spacy.tokens import Doc
from spacy.training import Example, iob_to_biluo
from thinc.util import fix_random_seed

from backend_ml import features
from backend_ml.features import Token

PIPE = "ner"
MOST_EPOCHS = 30
MOST_TOKENS_SEEN = 800_000
"""Of one fit, over all epochs; some three minutes. Counted, so that a busy machine learns
the same."""
FEWEST_EPOCHS = 3
MAX_SECONDS = 300.0
"""Should counting fail to bound the time, this does."""
PATIENCE = 4
"""Epochs without a better F1 on the texts held back (once it is not nothing), after which the
best one is taken."""
BATCH = 8
DROPOUT = 0.2
LEARN_RATE = 0.002
BEAM = 8
BEAM_DENSITY = 0.0001
AT_A_TIME = 64
_SEEDS = threading.Lock()
"""The library draws from the process's global generators: one fit at a time."""
_SHAPE = {
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": True,
    "nO": None,
    "tok2vec": {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 64,
        "depth": 2,
        "embed_size": 1000,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    },
}

Row = tuple[Sequence[Token], Sequence[str]]
"""The words of a text and their tags, as ``features.spans_to_tags`` makes them."""
Group = tuple[int, int, str]
"""First token, last token and label of a span."""


@dataclass(frozen=True)
class Parse:
    """One way to mark a text, and its share among the ways that were followed to the end."""

    groups: tuple[Group, ...]
    share: float


class Recogniser:
    """A recogniser of some labels; it works on one batch at a time."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._lock = threading.Lock()
        with _quiet():
            self._nlp: Language = spacy.blank("en")
            model = {"@architectures": "spacy.TransitionBasedParser.v2", **_SHAPE}
            pipe = self._nlp.add_pipe(PIPE, config={"model": model})
        if not isinstance(pipe, EntityRecognizer):
            raise TypeError(f"{PIPE} is a {type(pipe).__name__}")
        self._pipe = pipe
        for label in labels:
            pipe.add_label(label)

    def learn(
        self, rows: Sequence[Row], held_back: Sequence[Row], *, seed: int, seconds: float
    ) -> None:
        """Train on ``rows``; keep the epoch that marks ``held_back`` best, or the last one.

        Raises
        ------
        ValueError
            Without rows.
        """
        if not rows:
            raise ValueError("no texts to learn from")
        with _seeded(seed), _quiet():
            examples = [self._example(row) for row in rows]
            optimizer = self._nlp.initialize(lambda: examples[:50])
            optimizer.learn_rate = LEARN_RATE

            def epoch() -> None:
                random.shuffle(examples)
                for first in range(0, len(examples), BATCH):
                    batch = examples[first : first + BATCH]
                    self._nlp.update(batch, sgd=optimizer, drop=DROPOUT)

            self._run(epoch, _epochs(rows), held_back, until=time.monotonic() + seconds)

    def _run(
        self, epoch: Callable[[], None], most: int, held_back: Sequence[Row], *, until: float
    ) -> None:
        best, best_at, kept = -1.0, 0, b""
        for number in range(most):
            epoch()
            if held_back:
                found = self._agreement(held_back)
                if found > best:
                    best, best_at, kept = found, number, self.to_bytes()
                if best > 0.0 and number - best_at >= PATIENCE:
                    break
            if time.monotonic() > until:
                break
        if kept:
            self.from_bytes(kept)

    def _agreement(self, rows: Sequence[Row]) -> float:
        """Exact F1 of the most probable marks; 1 when there is nothing to find and none found."""
        parses = self.parses([tokens for tokens, _ in rows])
        right = said = true = 0
        for (_, tags), ways in zip(rows, parses, strict=True):
            found, truth = set(ways[0].groups), set(features.tag_groups(tags))
            right, said, true = right + len(found & truth), said + len(found), true + len(truth)
        return 2 * right / (said + true) if said + true else 1.0

    def parses(self, texts: Sequence[Sequence[Token]]) -> Iterator[list[Parse]]:
        """The most probable ways to mark each text, best first; every text has words."""
        for first in range(0, len(texts), AT_A_TIME):
            with self._lock, _quiet():
                docs = [self._doc(tokens) for tokens in texts[first : first + AT_A_TIME]]
                beams = self._pipe.beam_parse(docs, beam_width=BEAM, beam_density=BEAM_DENSITY)
                ways = [_ways(self._pipe.moves.get_beam_parses(beam)) for beam in beams]
            yield from ways

    def to_bytes(self) -> bytes:
        """Weights and labels, in spaCy's own format (msgpack, no code)."""
        return bytes(self._pipe.to_bytes(exclude=["vocab"]))

    def from_bytes(self, model: bytes) -> None:
        """The inverse of :meth:`to_bytes`."""
        with _quiet():
            self._pipe.from_bytes(model, exclude=["vocab"])

    def _doc(self, tokens: Sequence[Token]) -> Doc:
        return Doc(self._nlp.vocab, words=[token.text for token in tokens])

    def _example(self, row: Row) -> Example:
        tokens, tags = row
        return Example.from_dict(self._doc(tokens), {"entities": iob_to_biluo(list(tags))})


def _epochs(rows: Sequence[Row]) -> int:
    tokens = sum(len(tokens) for tokens, _ in rows)
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, MOST_TOKENS_SEEN // max(1, tokens)))


def _ways(parses: Sequence[tuple[float, Sequence[tuple[int, int, str]]]]) -> list[Parse]:
    found = [
        Parse(tuple((start, end - 1, label) for start, end, label in spans), float(share))
        for share, spans in parses
    ]
    return sorted(found, key=lambda parse: -parse.share) or [Parse((), 1.0)]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Global generators from a seed, and afterwards as they were."""
    with _SEEDS:
        before, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
        fix_random_seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numbers)  # noqa: NPY002


@contextmanager
def _quiet() -> Iterator[None]:
    """The library's advice is for people who tune it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def marginals(ways: Sequence[Parse], tokens: int, labels: Sequence[str]) -> Any:
    """How probable each tag of each token is, as far as the ways tell.

    Shape (n_tokens, 2 * n_labels + 1), rows summing to 1: outside, then for each
    label its beginning and its inside.
    """
    column = {label: 1 + 2 * place for place, label in enumerate(labels)}
    found = np.zeros((tokens, 1 + 2 * len(labels)))
    for way in ways:
        for first, last, label in way.groups:
            found[first, column[label]] += way.share
            found[first + 1 : last + 1, column[label] + 1] += way.share
    found[:, 0] = np.clip(1.0 - found.sum(axis=1), 0.0, 1.0)
    return found / found.sum(axis=1, keepdims=True)
