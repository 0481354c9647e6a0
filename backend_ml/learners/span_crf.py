"""Labelled spans: English tokens, and a conditional random field over their tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from backend_ml import features
from backend_ml.calibration import Line, fit_logit_line, on_line
from backend_ml.learners import _background, _clusters, _crf, _hints
from backend_ml.learners._background import Background
from backend_ml.learners._crf import Encoded, Reading, Row, Tagger
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("spans",)
MODEL_FILE = "model.crfsuite"
NOTES_FILE = "learner.json"
MIN_TO_CALIBRATE = 20
BOTH_HALVES = 1_000
"""With more texts than this one half is enough to make the confidence honest."""
NO_CHANGE: Line = (1.0, 0.0)


class SpanCrf:
    """A linear-chain conditional random field with word, outline and affix features.

    Its confidence is the probability of the best labelling of the whole text, that
    of a span the smallest marginal probability of its tokens' tags. Both are made
    honest with a line on the logit scale, fitted on texts that the field did not
    see: how often the whole labelling was right, and how often exactly that span.
    Where the kind has rules, the field sees what they would mark, and where there are
    enough texts, labelled or not, which words are used alike in them.
    """

    def __init__(self, control: str, background: Background = _crf.BARE) -> None:
        self.control = control
        self.background = background
        self.line = NO_CHANGE
        self.span_line = NO_CHANGE
        self._classes: tuple[str, ...] = ()
        self._model: bytes | None = None
        self._tagger: Tagger | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """Find out which words are used alike, for the next :meth:`fit`."""
        self.background = replace(self.background, clusters=_clusters.find(texts, seed=seed))

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from answers, those without a span included; the method has no randomness."""
        del seed
        self._model, self._tagger, self._classes = None, None, ()
        self.line = self.span_line = NO_CHANGE
        rows = _crf.rows_of(texts, answers, self.control, self.background)
        if _crf.labels_of(rows):
            given = _crf.examples(self.background.hints)
            self.line, self.span_line = honest_lines(rows, given)
            self.use(_crf.train([*given, *rows]), _crf.labels_of([*given, *rows]))

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The best labelling of each text; a text without a token gets an empty answer.

        How torn it is between tags is told of several texts only: it is for
        choosing among them, costs more than the answer where there are many labels,
        and one text alone is a person who waits.
        """
        tagger = self._tagger
        if tagger is None:
            return Guesses(tuple(None for _ in texts))
        if len(texts) < 2:
            alone = _crf.encode(texts, self.background)
            return Guesses(tuple(self._guess(one, tagger) for one in alone))
        items, torn, mixed = [], [], []
        for one in _crf.encode(texts, self.background):
            reading, marginals = tagger.read_all(one) if one.tokens else (NOTHING, EMPTY)
            items.append(self._guess_of(one, reading))
            torn.append(_crf.hesitation(marginals))
            mixed.append(_crf.disorder(marginals))
        return Guesses(tuple(items), hesitation=np.array(torn), disorder=np.array(mixed))

    def save(self, folder: Path) -> None:
        """Write ``model.crfsuite`` and ``learner.json``."""
        if self._model is not None:
            (folder / MODEL_FILE).write_bytes(self._model)
        notes = {
            "format": 3,
            "line": list(self.line),
            "span_line": list(self.span_line),
            "classes": list(self._classes),
            "digest": digest(self._model or b""),
            **self.background.save(folder),
        }
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")

    def use(self, model: bytes, classes: tuple[str, ...]) -> None:
        """Predict with this trained model from now on."""
        self._model, self._tagger, self._classes = model, Tagger(model), classes

    def _guess(self, encoded: Encoded, tagger: Tagger) -> Guess:
        return self._guess_of(encoded, tagger.read(encoded) if encoded.tokens else NOTHING)

    def _guess_of(self, encoded: Encoded, reading: Reading) -> Guess:
        if not encoded.tokens:
            return Guess((), 1.0, ())
        spans = features.tags_to_spans(encoded.tokens, reading.tags)
        marks = [Mark(self.control, s.label, s.start, s.end) for s in spans]
        sure = on_line(np.array(reading.span_probabilities), self.span_line).tolist()
        by_mark = dict(zip(marks, sure, strict=True))
        answer = as_answer(marks)
        whole = float(on_line(np.array([reading.probability]), self.line)[0])
        return Guess(answer, whole, tuple(by_mark[mark] for mark in answer))


NOTHING = Reading((), 1.0, ())
EMPTY = np.zeros((0, 0))


def new(kind: Kind) -> SpanCrf:
    """An unfitted learner."""
    hints = _hints.read(kind) if kind.form in FORMS else None
    return SpanCrf(kind.control, Background(hints))


def load(folder: Path, kind: Kind) -> SpanCrf:
    """The learner saved in ``folder``."""
    learner = SpanCrf(kind.control)
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        learner.background = _background.load(folder, notes)
        learner.line = as_line(notes["line"])
        learner.span_line = as_line(notes.get("span_line", NO_CHANGE))  # not in format 1
        if notes["classes"]:
            model = (folder / MODEL_FILE).read_bytes()
            if digest(model) != notes["digest"]:  # a damaged file can crash CRFsuite itself
                raise ValueError("the model is not the one that was saved")
            learner.use(model, tuple(notes["classes"]))
    except Exception as error:
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def digest(model: bytes) -> str:
    """What tells a saved model from a damaged one."""
    return hashlib.sha256(model).hexdigest()


def as_line(values: Sequence[float]) -> Line:
    """A slope and an offset as they stand in a file."""
    slope, offset = values
    return float(slope), float(offset)


def honest_lines(rows: Sequence[Row], given: Sequence[Row] = ()) -> tuple[Line, Line]:
    """Learn on a half how often a labelling, and a span, is right on the other one.

    What is ``given`` belongs to both halves, and is never judged.
    """
    if len(rows) < MIN_TO_CALIBRATE:
        return NO_CHANGE, NO_CHANGE
    whole: list[tuple[float, bool]] = []
    spans: list[tuple[float, bool]] = []
    for train, test in _splits(rows):
        tagger = Tagger(_crf.train([*given, *train]))
        for row in test:
            found = tagger.read(row.encoded)
            whole.append((found.probability, found.tags == row.tags))
            groups = features.tag_groups(found.tags)
            right = (group in row.groups for group in groups)
            spans += zip(found.span_probabilities, right, strict=True)
    return fit_line(whole), fit_line(spans)


def _splits(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], Sequence[Row]]]:
    """Texts to fit, and others to judge: both halves, or one where there are many texts."""
    one, other = rows[::2], rows[1::2]
    turns = ((one, other),) if len(rows) > BOTH_HALVES else ((one, other), (other, one))
    return ((train, test) for train, test in turns if _crf.labels_of(train))


def fit_line(seen: Sequence[tuple[float, bool]]) -> Line:
    """The line under which probabilities say how often they were right."""
    if not seen:
        return NO_CHANGE
    return fit_logit_line(np.array([p for p, _ in seen]), [right for _, right in seen])
