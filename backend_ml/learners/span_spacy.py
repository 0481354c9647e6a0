"""Labelled spans: spaCy's entity recogniser, trained from nothing; needs more labels, and time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend_ml import features
from backend_ml.calibration import Line, on_line
from backend_ml.features import Span, Token
from backend_ml.learners import _spacy_ner
from backend_ml.learners._crf import disorder, hesitation
from backend_ml.learners._spacy_ner import Group, Parse, Recogniser, Row
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.learners.span_crf import as_line, digest, fit_line
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("spans",)
MODEL_FILE = "model.spacy"
NOTES_FILE = "learner.json"
ENOUGH_TO_HOLD_BACK = 40
TO_STOP = 10
"""Every tenth text says when to stop."""
MOST_TO_JUDGE = 40
"""A quarter of the texts, up to so many or a tenth, say how honest the model is."""
MOST_SURE = 0.98
UNJUDGED: Line = (0.5, 0.0)
"""Without such texts: the model is sure of itself too early, so half of its log odds count."""


class SpanSpacy:
    """A small convolutional network under spaCy's transition-based recogniser.

    Of the ways to mark a text that a beam follows to the end, the best is the
    answer; its share among them is the confidence, and a span has the share of
    all that contain it. Both are made honest with a line on the logit scale,
    fitted on texts that took no part in training.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self.line = self.span_line = UNJUDGED
        self._classes: tuple[str, ...] = ()
        self._model: Recogniser | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._classes

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from answers, those without a span included."""
        self._classes, self._model = (), None
        self.line = self.span_line = UNJUDGED
        rows = [_row(t, a, self.control) for t, a in zip(texts, answers, strict=True)]
        rows = [row for row in rows if row[0]]
        classes = features.labels_of(tags for _, tags in rows)
        if not classes:
            return
        train, stop, judge = _parts(rows, seed=seed)
        model = Recogniser(classes)
        model.learn(train, stop, seed=seed, seconds=_spacy_ner.MAX_SECONDS)
        if judge:
            self._judge(model, judge)
        self._model, self._classes = model, classes

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The most probable marks of each text; how torn it is, of several texts only."""
        model = self._model
        if model is None:
            return Guesses(tuple(None for _ in texts))
        read = [features.tokenize(text) for text in texts]
        found = model.parses([tokens for tokens in read if tokens])
        ways = [next(found) if tokens else [Parse((), 1.0)] for tokens in read]
        pairs = list(zip(read, ways, strict=True))
        items = tuple(self._guess(*pair) for pair in pairs)
        if len(texts) < 2:
            return Guesses(items)
        seen = [_spacy_ner.marginals(some, len(tokens), self._classes) for tokens, some in pairs]
        return Guesses(
            items,
            hesitation=np.array([hesitation(one) for one in seen]),
            disorder=np.array([disorder(one) for one in seen]),
        )

    def save(self, folder: Path) -> None:
        """Write ``model.spacy`` (the recogniser's own format) and ``learner.json``."""
        model = b"" if self._model is None else self._model.to_bytes()
        if model:
            (folder / MODEL_FILE).write_bytes(model)
        notes = {
            "format": 1,
            "line": list(self.line),
            "span_line": list(self.span_line),
            "classes": list(self._classes),
            "digest": digest(model),
        }
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")

    def use(self, model: bytes, classes: tuple[str, ...]) -> None:
        """Predict with this trained model from now on."""
        recogniser = Recogniser(())  # the saved one brings its labels
        recogniser.from_bytes(model)
        self._model, self._classes = recogniser, classes

    def _judge(self, model: Recogniser, rows: Sequence[Row]) -> None:
        """See how often the answer, and each span, is right on texts not trained on."""
        whole: list[tuple[float, bool]] = []
        spans: list[tuple[float, bool]] = []
        parses = model.parses([tokens for tokens, _ in rows])
        for (_, tags), ways in zip(rows, parses, strict=True):
            truth = features.tag_groups(tags)
            whole.append((_surely(ways[0].share), sorted(ways[0].groups) == sorted(truth)))
            spans += [(_share(group, ways), group in truth) for group in ways[0].groups]
        self.line, self.span_line = fit_line(whole), fit_line(spans)

    def _guess(self, tokens: Sequence[Token], ways: Sequence[Parse]) -> Guess:
        if not tokens:
            return Guess((), 1.0, ())
        best = ways[0]
        raw = np.array([_share(group, ways) for group in best.groups])
        sure = {
            _mark(self.control, tokens, group): p
            for group, p in zip(best.groups, on_line(raw, self.span_line).tolist(), strict=True)
        }
        answer = as_answer(list(sure))
        whole = float(on_line(np.array([_surely(best.share)]), self.line)[0])
        return Guess(answer, whole, tuple(sure[mark] for mark in answer))


def new(kind: Kind) -> SpanSpacy:
    """An unfitted learner."""
    return SpanSpacy(kind.control)


def load(folder: Path, kind: Kind) -> SpanSpacy:
    """The learner saved in ``folder``."""
    learner = SpanSpacy(kind.control)
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        learner.line, learner.span_line = as_line(notes["line"]), as_line(notes["span_line"])
        if notes["classes"]:
            model = (folder / MODEL_FILE).read_bytes()
            if digest(model) != notes["digest"]:
                raise ValueError("the model is not the one that was saved")
            learner.use(model, tuple(notes["classes"]))
    except Exception as error:  # a damaged file fails in many ways
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def _row(text: str, answer: Answer, control: str) -> Row:
    tokens = features.tokenize(text)
    return tokens, features.spans_to_tags(tokens, features.spans_of(answer, control))


def _parts(rows: Sequence[Row], *, seed: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Texts to train on, to stop by, and to judge by; few texts are all for training."""
    if len(rows) < ENOUGH_TO_HOLD_BACK:
        return list(rows), [], []
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    first = len(rows) // TO_STOP
    last = first + max(first, min(MOST_TO_JUDGE, len(rows) // 4))
    stop, judge, train = order[:first], order[first:last], order[last:]
    return [rows[i] for i in train], [rows[i] for i in stop], [rows[i] for i in judge]


def _share(group: Group, ways: Sequence[Parse]) -> float:
    """How probable one span is: the share of all ways that contain it."""
    return _surely(sum(way.share for way in ways if group in way.groups))


def _surely(share: float) -> float:
    """A beam knows nothing of the ways that it dropped; being right often may still earn more."""
    return min(MOST_SURE, share)


def _mark(control: str, tokens: Sequence[Token], group: Group) -> Mark:
    first, last, label = group
    span = Span(tokens[first].start, tokens[last].end, label)
    return Mark(control, span.label, span.start, span.end)
