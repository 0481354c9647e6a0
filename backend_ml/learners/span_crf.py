"""Labelled spans: English tokens, and a conditional random field over their tags."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pycrfsuite

from backend_ml import features
from backend_ml.features import Span, Token
from backend_ml.learners.base import (
    Guess,
    Guesses,
    ModelUnreadable,
    fit_logit_line,
    on_line,
)
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("spans",)
MODEL_FILE = "model.crfsuite"
NOTES_FILE = "learner.json"
MAX_ITERATIONS = 60
"""A bound on every fit: on an odd batch the optimiser can wander for minutes."""
MIN_TO_CALIBRATE = 20
NO_CHANGE = (1.0, 0.0)


class SpanCrf:
    """A linear-chain conditional random field with word, outline and affix features.

    Its confidence is the probability of the best labelling of the whole text,
    made honest with one line on the logit scale that was fitted on a half the
    model did not train on. The confidence of one span is the smallest marginal
    probability of its tokens' tags.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self.line = NO_CHANGE
        self._classes: tuple[str, ...] = ()
        self._model: bytes | None = None
        self._tagger: pycrfsuite.Tagger | None = None
        self._lock = threading.Lock()

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from answers, those without a span included; the method has no randomness."""
        del seed
        self._model, self._tagger, self._classes = None, None, ()
        rows = [_row(text, answer) for text, answer in zip(texts, answers, strict=True)]
        rows = [(tokens, tags) for tokens, tags in rows if tokens]
        classes = {tag[2:] for _, tags in rows for tag in tags if tag != features.OUTSIDE}
        if not classes:
            return
        self.line = _honest_line(rows)
        self.use(_train(rows), tuple(sorted(classes)))

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The best labelling of each text; a text without a token gets an empty answer."""
        if self._tagger is None:
            return Guesses(tuple(None for _ in texts))
        with self._lock:  # a tagger holds one text at a time, and requests come in threads
            return Guesses(tuple(self._guess(text) for text in texts))

    def save(self, folder: Path) -> None:
        """Write ``model.crfsuite`` and ``learner.json``."""
        if self._model is not None:
            (folder / MODEL_FILE).write_bytes(self._model)
        notes = {
            "format": 1,
            "line": list(self.line),
            "classes": list(self._classes),
            "digest": _digest(self._model or b""),
        }
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")

    def use(self, model: bytes, classes: tuple[str, ...]) -> None:
        """Predict with this trained model from now on."""
        self._model, self._tagger, self._classes = model, _open(model), classes

    def _guess(self, text: str) -> Guess:
        tokens = features.tokenize(text)
        if not tokens or self._tagger is None:
            return Guess((), 1.0, ())
        tags, confidence = _best_path(self._tagger, tokens)
        spans = features.tags_to_spans(tokens, tags)
        sure = [
            min(float(self._tagger.marginal(tags[i], i)) for i in range(first, last + 1))
            for first, last, _ in features.tag_groups(tags)
        ]
        marks = [Mark(self.control, s.label, s.start, s.end) for s in spans]
        by_mark = dict(zip(marks, sure, strict=True))
        answer = as_answer(marks)
        honest = float(on_line(np.array([confidence]), self.line)[0])
        return Guess(answer, honest, tuple(by_mark[mark] for mark in answer))


Row = tuple[list[Token], list[str]]


def new(kind: Kind) -> SpanCrf:
    """An unfitted learner."""
    return SpanCrf(kind.control)


def load(folder: Path, kind: Kind) -> SpanCrf:
    """The learner saved in ``folder``."""
    learner = SpanCrf(kind.control)
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        slope, offset = notes["line"]
        learner.line = (float(slope), float(offset))
        if notes["classes"]:
            model = (folder / MODEL_FILE).read_bytes()
            if _digest(model) != notes["digest"]:  # a damaged file can crash CRFsuite itself
                raise ValueError("the model is not the one that was saved")
            learner.use(model, tuple(notes["classes"]))
    except Exception as error:
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def _digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def _row(text: str, answer: Answer) -> Row:
    tokens = features.tokenize(text)
    spans = [
        Span(m.start, m.end, m.label) for m in answer if m.start is not None and m.end is not None
    ]
    return tokens, features.spans_to_tags(tokens, spans)


def _train(rows: Sequence[Row]) -> bytes:
    """Fit on ``rows``; the library writes to a file only, so the file is a passing one."""
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(
        {"c1": 0.05, "c2": 0.01, "max_iterations": MAX_ITERATIONS, "feature.minfreq": 1}
    )
    for tokens, tags in rows:
        trainer.append(features.token_features(tokens), tags)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL_FILE
        trainer.train(str(path))
        return path.read_bytes()


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


def _best_path(tagger: pycrfsuite.Tagger, tokens: Sequence[Token]) -> tuple[list[str], float]:
    tagger.set(features.token_features(tokens))
    tags = [str(tag) for tag in tagger.tag()]
    return tags, float(tagger.probability(tags))


def _honest_line(rows: Sequence[Row]) -> tuple[float, float]:
    """Learn on either half how often a best path is right on the other one."""
    if len(rows) < MIN_TO_CALIBRATE:
        return NO_CHANGE
    confidence: list[float] = []
    right: list[bool] = []
    for train, test in ((rows[::2], rows[1::2]), (rows[1::2], rows[::2])):
        if all(tag == features.OUTSIDE for _, tags in train for tag in tags):
            continue
        tagger = _open(_train(train))
        for tokens, truth in test:
            tags, path = _best_path(tagger, tokens)
            confidence.append(path)
            right.append(tags == truth)
    return fit_logit_line(np.array(confidence), right) if confidence else NO_CHANGE
