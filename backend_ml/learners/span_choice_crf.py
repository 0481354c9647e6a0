"""Labelled spans and a choice about each: one random field finds them, another chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycrfsuite

from backend_ml import features
from backend_ml.calibration import on_line
from backend_ml.features import Token
from backend_ml.learners import _crf, span_crf
from backend_ml.learners._crf import Encoded, Row, Tagger
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.learners.span_crf import NO_CHANGE, SpanCrf
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("span_choices",)
CHOICES_FILE = "choices.crfsuite"
CHOICES_NOTES = "choices.json"
AROUND = 3
"""Words before and after a span that are looked at."""

Ends = tuple[int, int]


class SpanChoiceCrf:
    """Spans as in ``span_crf``; then a field over the spans of a text, which sees their words.

    A choice is right only where the span is, so its confidence is the product of
    both. Where people leave the choice open, so may the field.
    """

    def __init__(self, kind: Kind) -> None:
        self.attribute = kind.attribute
        self.spans = SpanCrf(kind.control)
        self.line = NO_CHANGE
        self._choices: tuple[str, ...] = ()
        self._model: bytes | None = None
        self._tagger: Tagger | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return tuple(sorted({*self.spans.classes_, *self._choices}))

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """As ``span_crf`` does, for the spans."""
        self.spans.read(texts, seed=seed)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn the spans of all answers, and the choices about the spans that people marked."""
        self.spans.fit(texts, answers, seed=seed)
        self._model, self._tagger, self._choices, self.line = None, None, (), NO_CHANGE
        rows = self._rows(texts, answers)
        choices = _crf.labels_of(rows)
        if self.spans.classes_ and choices:
            self.line, _ = span_crf.honest_lines(rows)
            self.use(_crf.train(rows), choices)

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The spans of each text with their choices; unfitted it abstains."""
        found = self.spans.predict(texts)
        pairs = zip(_crf.encode(texts), found.items, strict=True)
        return replace(found, items=tuple(self._with_choices(*pair) for pair in pairs))

    def save(self, folder: Path) -> None:
        """Write what ``span_crf`` writes, ``choices.crfsuite`` and ``choices.json``."""
        self.spans.save(folder)
        if self._model is not None:
            (folder / CHOICES_FILE).write_bytes(self._model)
        notes = {
            "format": 1,
            "line": list(self.line),
            "choices": list(self._choices),
            "digest": span_crf.digest(self._model or b""),
        }
        (folder / CHOICES_NOTES).write_text(json.dumps(notes), encoding="utf-8")

    def use(self, model: bytes, choices: tuple[str, ...]) -> None:
        """Choose with this trained model from now on."""
        self._model, self._tagger, self._choices = model, Tagger(model), choices

    def _rows(self, texts: Sequence[str], answers: Sequence[Answer]) -> list[Row]:
        """A row a text: its true spans in order, each with its choice or with none."""
        rows = []
        for encoded, answer in zip(_crf.encode(texts), answers, strict=True):
            spans = _by_ends(answer, self.spans.control)
            choices = _by_ends(answer, self.attribute)
            tags = [f"B-{choices[e][0]}" if e in choices else features.OUTSIDE for e in spans]
            if spans and encoded.tokens:
                rows.append(Row(_encode(encoded.tokens, spans), tuple(tags)))
        return rows

    def _with_choices(self, encoded: Encoded, guess: Guess | None) -> Guess | None:
        if guess is None or self._tagger is None or not guess.answer:
            return guess
        sure = {
            (mark.start or 0, mark.end or 0): p
            for mark, p in zip(guess.answer, guess.mark_confidences, strict=True)
        }
        spans = _by_ends(guess.answer, self.spans.control)
        reading = self._tagger.read(_encode(encoded.tokens, spans))
        chosen = [(e, tag) for e, tag in zip(spans, reading.tags, strict=True) if tag[2:]]
        right = on_line(np.array(reading.span_probabilities), self.line).tolist()
        marks = dict(zip(guess.answer, guess.mark_confidences, strict=True))
        for (ends, tag), p in zip(chosen, right, strict=True):
            marks[Mark(self.attribute, tag[2:], *ends)] = sure[ends] * p
        answer = as_answer(list(marks))
        whole = guess.confidence * float(on_line(np.array([reading.probability]), self.line)[0])
        return Guess(answer, whole, tuple(marks[mark] for mark in answer))


def new(kind: Kind) -> SpanChoiceCrf:
    """An unfitted learner."""
    return SpanChoiceCrf(kind)


def load(folder: Path, kind: Kind) -> SpanChoiceCrf:
    """The learner saved in ``folder``."""
    learner = SpanChoiceCrf(kind)
    learner.spans = span_crf.load(folder, kind)
    try:
        notes = json.loads((folder / CHOICES_NOTES).read_text(encoding="utf-8"))
        learner.line = span_crf.as_line(notes["line"])
        if notes["choices"]:
            model = (folder / CHOICES_FILE).read_bytes()
            if span_crf.digest(model) != notes["digest"]:
                raise ValueError("the model is not the one that was saved")
            learner.use(model, tuple(notes["choices"]))
    except Exception as error:
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def _by_ends(answer: Answer, control: str) -> dict[Ends, list[str]]:
    """What was said with a control about each span, in the order of the text."""
    said: dict[Ends, list[str]] = {}
    for mark in answer:
        if mark.control == control and mark.start is not None and mark.end is not None:
            said.setdefault((mark.start, mark.end), []).append(mark.label)
    return dict(sorted(said.items()))


def _encode(tokens: Sequence[Token], spans: dict[Ends, list[str]]) -> Encoded:
    """The spans of a text as a sequence of their own."""
    seen = [_features(tokens, ends, labels) for ends, labels in spans.items()]
    places = tuple(Token("", start, end) for start, end in spans)
    return Encoded(places, pycrfsuite.ItemSequence(seen))


def _features(tokens: Sequence[Token], ends: Ends, labels: Sequence[str]) -> list[str]:
    """What the field sees of a span: its words and their outline, its label, words around."""
    start, end = ends
    inside = [t for t in tokens if t.start < end and t.end > start]
    words = [t.text.lower() for t in inside]
    before = [t.text.lower() for t in tokens if t.end <= start][-AROUND:]
    after = [t.text.lower() for t in tokens if t.start >= end][:AROUND]
    found = ["bias", f"n={min(len(words), 5)}", f"span={' '.join(words)[:80]}"]
    found += [f"label={label}" for label in labels]
    found += sorted({f"w={word}" for word in words})
    found += sorted({f"s={features.shape(t.text)}" for t in inside})
    found += sorted({f"{label}|w={word}" for label in labels for word in words})
    found += sorted({f"b={word}" for word in before}) + sorted({f"a={word}" for word in after})
    found += [f"b1={word}" for word in before[-1:]] + [f"a1={word}" for word in after[:1]]
    return found
