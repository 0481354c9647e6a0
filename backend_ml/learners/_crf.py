"""The conditional random field under the span learners: fitting within bounds, and reading."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pycrfsuite

from backend_ml import features
from backend_ml.features import OUTSIDE, Token
from backend_ml.kept import Kept
from backend_ml.learners._background import Background
from backend_ml.learners._hints import BOOKS_KEPT, Hints, tag_features
from backend_ml.pool import Matrix
from projects.kit import logs
from projects.kit.errors import PlatformError
from projects.vocabulary import Answer

log = logs.get(__name__)

MAX_ITERATIONS = 60
MAX_STEPS = 10
"""Tries along one direction; with ``MAX_ITERATIONS`` it bounds the work of a fit."""
MAX_SECONDS = 120.0
"""Of one attempt at a fit, of the processor."""
ATTEMPTS = 4
FEWEST_ITERATIONS = 15
"""With fewer a field marks next to nothing."""
PARAMETERS = {"c1": 0.02, "c2": 0.02, "feature.minfreq": 1}
"""The pull towards few weights, and towards small ones."""
KEPT_BYTES = 64_000_000
BYTES_PER_TOKEN = 1_800
"""Some 26 features a token, of 60 to 70 bytes each in the library's memory."""
BARE = Background()
AT_A_TIME = 256
"""Texts whose features are held at once, whatever is kept."""
EXAMPLE_LENGTHS = (1, 2, 3)
"""Tokens of the spans that stand for a rule."""


@dataclass(frozen=True)
class Encoded:
    """A text as the field sees it."""

    tokens: tuple[Token, ...]
    items: pycrfsuite.ItemSequence


@dataclass(frozen=True)
class Row:
    """A text to learn from."""

    encoded: Encoded
    tags: tuple[str, ...]

    @property
    def groups(self) -> set[tuple[int, int, str]]:
        return set(features.tag_groups(self.tags))


@dataclass(frozen=True)
class Reading:
    """The best labelling of one text."""

    tags: tuple[str, ...]
    probability: float
    """Of this labelling of the whole text."""
    span_probabilities: tuple[float, ...]
    """Of each span in order: the smallest marginal of its tokens' tags."""


class OutOfTime(Exception):
    """A fit took longer than it may."""


class CutOff(PlatformError):
    """No fit ended within its time."""

    def __init__(self, texts: int, attempts: int) -> None:
        super().__init__(texts, attempts)
        self.texts = texts
        self.attempts = attempts

    def __str__(self) -> str:
        return f"The random field of {self.texts} texts was cut off {self.attempts} times."


class _Trainer(pycrfsuite.Trainer):  # type: ignore[misc]
    """Stops at a moment: the library passes on what its message handler raises."""

    until = float("inf")
    iterations = 0

    def message(self, message: str) -> None:
        self.iterations += message.lstrip().startswith("***** Iteration")
        if time.thread_time() > self.until:
            raise OutOfTime


def encode(texts: Sequence[str], background: Background = BARE) -> Iterator[Encoded]:
    """The texts in order; not more than ``AT_A_TIME`` are held."""
    kept = _kept(background)
    for first in range(0, len(texts), AT_A_TIME):
        yield from kept.of(texts[first : first + AT_A_TIME])


def _encode(text: str, background: Background) -> Encoded:
    tokens = tuple(features.tokenize(text))
    seen = features.token_features(tokens)
    background.add_to(seen, text, tokens)
    return Encoded(tokens, pycrfsuite.ItemSequence(seen))


@lru_cache(maxsize=1 + BOOKS_KEPT)
def _kept(background: Background) -> Kept[Encoded]:
    size = BYTES_PER_TOKEN + background.bytes_per_token
    return Kept(
        lambda texts: [_encode(text, background) for text in texts],
        lambda one: size * len(one.tokens),
        most_bytes=KEPT_BYTES,
    )


def rows_of(
    texts: Sequence[str],
    answers: Sequence[Answer],
    control: str,
    background: Background = BARE,
) -> list[Row]:
    """What there is to learn from: texts that have words, with the spans of one control."""
    rows = []
    for encoded, answer in zip(encode(texts, background), answers, strict=True):
        tags = features.spans_to_tags(encoded.tokens, features.spans_of(answer, control))
        if tags:
            rows.append(Row(encoded, tuple(tags)))
    return rows


def examples(hints: Hints | None) -> list[Row]:
    """What rules would have a field believe before it has seen a text.

    Some spans of each label, of tokens of which nothing is known but that the rules
    mark them, and rightly. So a label that no text has had yet can be given, and
    texts that say otherwise of a rule soon outweigh its examples.

    References
    ----------
    Schapire, Rochery, Rahim & Gupta (2002), ICML: prior knowledge as more examples.
    """
    rows = []
    for label in hints.labels if hints is not None else ():
        for length in EXAMPLE_LENGTHS:
            span = [f"B-{label}", *[f"I-{label}"] * (length - 1)]
            tags = (OUTSIDE, *span, OUTSIDE)
            rows.append(Row(Encoded((), pycrfsuite.ItemSequence(tag_features(tags))), tags))
    return rows


def labels_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The labels that occur, sorted."""
    return features.labels_of(row.tags for row in rows)


def train(rows: Sequence[Row], *, seconds: float = MAX_SECONDS) -> bytes:
    """Fit within ``MAX_ITERATIONS`` and a bounded time.

    The optimiser can wander for minutes on an odd batch, and the library forgets
    everything when it is stopped. So a fit that is cut off is done again with half of
    the iterations that it managed, or, if these would be too few to be of use, with
    half of the texts. ``seconds`` are of this thread's own work: what else the machine
    does shortens no fit.

    Raises
    ------
    CutOff
        When ``ATTEMPTS`` were cut off: a model that hardly learned is worse than none.
    """
    most, some = MAX_ITERATIONS, list(rows)
    for _ in range(ATTEMPTS):
        trainer = _prepared(some, most)
        trainer.until = time.thread_time() + seconds
        try:
            return _written(trainer)
        except OutOfTime:
            log.warning(
                "crf.cut_off", texts=len(some), seconds=seconds, iterations=trainer.iterations
            )
            if trainer.iterations >= 2 * FEWEST_ITERATIONS:
                most = trainer.iterations // 2
            else:
                some = some[::2]
    raise CutOff(len(rows), ATTEMPTS)


def _prepared(rows: Sequence[Row], iterations: int) -> _Trainer:
    trainer = _Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({**PARAMETERS, "max_iterations": iterations, "max_linesearch": MAX_STEPS})
    for row in rows:
        trainer.append(row.encoded.items, row.tags)
    return trainer


def _written(trainer: _Trainer) -> bytes:
    """The library writes a model to a file only, so the file is a passing one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.crfsuite"
        trainer.train(str(path))
        return path.read_bytes()


class Tagger:
    """A fitted field. It holds one text at a time, and requests come in threads: it locks."""

    def __init__(self, model: bytes) -> None:
        self._tagger = _open(model)
        self._labels: list[str] = self._tagger.labels()
        self._lock = threading.Lock()

    def read(self, encoded: Encoded) -> Reading:
        """The best labelling of a text that has words."""
        with self._lock:
            self._tagger.set(encoded.items)
            return self._read()

    def read_all(self, encoded: Encoded) -> tuple[Reading, Matrix]:
        """The same, and the probability of each tag of each token, rows summing to 1."""
        with self._lock:
            self._tagger.set(encoded.items)
            reading = self._read()
            marginal, labels = self._tagger.marginal, self._labels
            places = range(len(encoded.tokens))
            return reading, np.array([[marginal(tag, i) for tag in labels] for i in places])

    def _read(self) -> Reading:
        tags = tuple(str(tag) for tag in self._tagger.tag())
        spans = tuple(
            min(float(self._tagger.marginal(tags[i], i)) for i in range(first, last + 1))
            for first, last, _ in features.tag_groups(tags)
        )
        return Reading(tags, float(self._tagger.probability(list(tags))), spans)


def _open(model: bytes) -> pycrfsuite.Tagger:
    """A tagger with a copy of its own.

    Opened from memory it would only point into ``model``, and crash the process
    once that is gone; from a file it reads everything at once.
    """
    tagger = pycrfsuite.Tagger()
    with tempfile.NamedTemporaryFile(suffix=".crfsuite") as file:
        file.write(model)
        file.flush()
        tagger.open(file.name)
    return tagger


def hesitation(marginals: Matrix) -> float:
    """One minus the smallest gap between the two best tags of a token.

    Parameters
    ----------
    marginals : array, shape (n_tokens, n_tags), rows summing to 1

    Returns
    -------
    float
        In [0, 1]; 0 without tokens or with a single tag.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), Advances in Intelligent Data Analysis.
    """
    if marginals.size == 0 or marginals.shape[1] < 2:
        return 0.0
    best = np.partition(marginals, -2, axis=1)[:, -2:]
    return float(np.clip(1.0 - (best[:, 1] - best[:, 0]).min(), 0.0, 1.0))


def disorder(marginals: Matrix) -> float:
    """The mean entropy of the tokens' tags, in nats; 0 without tokens.

    ``marginals`` has shape (n_tokens, n_tags), rows summing to 1.

    References
    ----------
    Settles & Craven (2008), EMNLP: total token entropy over the length of the sequence.
    """
    if marginals.size == 0:
        return 0.0
    inside = np.clip(marginals, 1e-12, 1.0)
    return float(max(0.0, -(inside * np.log(inside)).sum(axis=1).mean()))
