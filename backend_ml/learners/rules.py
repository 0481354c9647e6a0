"""Rules and phrases of the kind's folder: what answers before a model has learned."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from backend_ml.learners import _rulebook
from backend_ml.learners._rulebook import Rule, Rulebook
from backend_ml.learners.base import (
    Guess,
    Guesses,
    ModelUnreadable,
    fit_logit_line,
    on_line,
)
from projects.kinds.base import Kind
from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("choice", "spans")
NOTES_FILE = "rules.json"
WRITTEN_WEIGHT = 4.0
"""The confidence that its author wrote counts as so many labels."""
COMPLETE = 0.5
"""Before there are labels: how often rules for spans miss nothing in a text."""
MIN_TO_CALIBRATE = 20
NO_CHANGE = (1.0, 0.0)

Stretch = tuple[int, int, str]
"""Start, end and label: what a rule says of a text; of a choice the ends are 0."""


@dataclass(frozen=True)
class Tally:
    """How often something was right, with what was believed before as ``WRITTEN_WEIGHT`` labels."""

    prior: float
    right: int = 0
    n: int = 0

    @property
    def confidence(self) -> float:
        """The mean of the Beta distribution that belief and labels make."""
        return (self.right + WRITTEN_WEIGHT * self.prior) / (self.n + WRITTEN_WEIGHT)

    def with_label(self, *, right: bool) -> Tally:
        return replace(self, right=self.right + right, n=self.n + 1)

    def without(self, *, right: bool) -> Tally:
        """As it would be had one of its labels not come."""
        return replace(self, right=self.right - right, n=self.n - 1)


class Rules:
    """Answers from rules that people wrote; it needs no labels, but they make it honest.

    Of a choice the label with the best odds is taken; rules for other labels that
    match too make it less sure. Spans are matches without overlap, the longest
    first. Labels turn the written confidence of each rule into the share in which
    it was right, and draw one line on the logit scale for the whole answer, with
    each text judged by what the other texts say.
    """

    def __init__(self, kind: Kind, rules: Sequence[Rule]) -> None:
        self.control = kind.control
        self.spans = kind.form == "spans"
        self.book = Rulebook(rules)
        self._forget()

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels that have rules, with labels or without."""
        return tuple(sorted({rule.label for rule in self.book.rules}))

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Count how often each rule was right; there is no randomness in it."""
        del seed
        self._forget()
        if not self.book.rules:
            return
        rows = [(self._says(t), a) for t, a in zip(texts, answers, strict=True)]
        if not self.spans:
            rows = [(said, answer) for said, answer in rows if len(answer) == 1]
        for said, answer in rows:
            self._count(said, _truth(answer), Tally.with_label)
        if len(rows) >= MIN_TO_CALIBRATE:
            self.line = self._honest_line(rows)

    def predict(self, texts: Sequence[str]) -> Guesses:
        """Without rules it abstains; so it does where no rule for a choice matches.

        Where no rule for spans matches, the answer is that there is nothing to
        mark, with the confidence that this deserved so far.
        """
        if not self.book.rules:
            return Guesses(tuple(None for _ in texts))
        return Guesses(tuple(self._guess(self._says(text)) for text in texts))

    def save(self, folder: Path) -> None:
        """Write ``rules.json``: the rules as they are now, with what was counted."""
        body = {
            "rules": [asdict(rule) for rule in self.book.rules],
            "tallies": [asdict(tally) for tally in self.tallies],
            "complete": [asdict(self.complete[key]) for key in (False, True)],
            "line": list(self.line),
        }
        notes = {"format": 1, "digest": _digest(body), **body}
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")

    def restore(self, notes: Mapping[str, list[dict[str, float]]], line: Sequence[float]) -> None:
        """Take up what was counted before."""
        self.tallies = [_tally(row) for row in notes["tallies"]]
        silent, loud = (_tally(row) for row in notes["complete"])
        self.complete = {False: silent, True: loud}
        self.line = (float(line[0]), float(line[1]))
        if len(self.tallies) != len(self.book.rules):
            raise ValueError("as many tallies as rules")

    def _forget(self) -> None:
        self.tallies = [Tally(rule.confidence) for rule in self.book.rules]
        self.complete = {False: Tally(COMPLETE), True: Tally(COMPLETE)}
        self.line = NO_CHANGE

    def _says(self, text: str) -> dict[Stretch, set[int]]:
        """What the rules say of a text, and which of them say it."""
        found = self.book.find(text)
        said: dict[Stretch, set[int]] = {}
        for one in _rulebook.apart(found, self.book.rules) if self.spans else found:
            place = (one.start, one.end) if self.spans else (0, 0)
            said.setdefault((*place, self.book.rules[one.rule].label), set()).add(one.rule)
        return said

    def _count(
        self,
        said: Mapping[Stretch, set[int]],
        truth: set[Stretch],
        how: Callable[..., Tally],
    ) -> None:
        """Add or take away what one labelled text says of the rules that matched in it."""
        for stretch, rules in said.items():
            for rule in rules:
                self.tallies[rule] = how(self.tallies[rule], right=stretch in truth)
        if self.spans:
            missed = any(not any(_touch(one, other) for other in said) for one in truth)
            loud = bool(said)
            self.complete[loud] = how(self.complete[loud], right=not missed)

    def _guess(self, said: Mapping[Stretch, set[int]]) -> Guess | None:
        sure = self._confidences(said)
        if self.spans:
            return self._marked(sure, silent=not said)
        if not sure:
            return None
        best = max(sure, key=lambda stretch: (sure[stretch], stretch))
        confidence = self._whole(sure, silent=False)
        return Guess((Mark(self.control, best[2]),), confidence, (confidence,))

    def _marked(self, sure: Mapping[Stretch, float], *, silent: bool) -> Guess:
        marks = {Mark(self.control, label, a, b): sure[a, b, label] for a, b, label in sure}
        answer = as_answer(list(marks))
        return Guess(answer, self._whole(sure, silent=silent), tuple(marks[m] for m in answer))

    def _confidences(self, said: Mapping[Stretch, set[int]]) -> dict[Stretch, float]:
        """Of each stretch the chance that one of its rules is right."""
        return {
            stretch: 1.0 - math.prod(1.0 - self.tallies[rule].confidence for rule in rules)
            for stretch, rules in said.items()
        }

    def _whole(self, sure: Mapping[Stretch, float], *, silent: bool) -> float:
        """The chance that the whole answer is right."""
        raw = self._raw(sure, silent=silent)
        return float(on_line(np.array([raw]), NO_CHANGE if silent else self.line)[0])

    def _raw(self, sure: Mapping[Stretch, float], *, silent: bool) -> float:
        """Before the line. Of a choice, each label's odds compete, also with "none of them"."""
        if self.spans:
            return math.prod(sure.values()) * self.complete[not silent].confidence
        odds = [value / (1.0 - min(value, 1.0 - 1e-6)) for value in sure.values()]
        return max(odds) / (1.0 + sum(odds))

    def _honest_line(
        self, rows: Sequence[tuple[dict[Stretch, set[int]], Answer]]
    ) -> tuple[float, float]:
        """Each text that has a match is judged with its own label taken out of the counts."""
        confidence: list[float] = []
        right: list[bool] = []
        for said, answer in rows:
            if not said:
                continue
            truth = _truth(answer)
            self._count(said, truth, Tally.without)
            guess = self._guess(said)
            self._count(said, truth, Tally.with_label)
            if guess is not None:
                confidence.append(guess.confidence)
                right.append(guess.answer == answer)
        return fit_logit_line(np.array(confidence), right) if confidence else NO_CHANGE


def new(kind: Kind) -> Rules:
    """A learner with the rules of the kind's folder; without any it always abstains.

    Raises
    ------
    BadInput
        When the file has a line that is no rule, or a label that is not offered, or
        when rules cannot give answers of this form. Rules for labels that only a
        live project took out are passed over.
    """
    if kind.rules is not None and kind.form not in FORMS:
        raise BadInput(f"rules answer {' and '.join(FORMS)}, not {kind.form}", kind.rules.name)
    return Rules(kind, _rulebook.of_kind(kind))


def load(folder: Path, kind: Kind) -> Rules:
    """The learner saved in ``folder``, with the rules of then."""
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
        body = {key: notes[key] for key in ("rules", "tallies", "complete", "line")}
        if _digest(body) != notes["digest"]:
            raise ValueError("the rules are not those that were saved")
        learner = Rules(kind, [_rulebook.from_json(row, where="rules") for row in body["rules"]])
        learner.restore(body, body["line"])
    except Exception as error:  # a damaged file fails in many ways
        raise ModelUnreadable(str(folder), type(error).__name__) from error
    return learner


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _tally(row: Mapping[str, float]) -> Tally:
    return Tally(float(row["prior"]), int(row["right"]), int(row["n"]))


def _truth(answer: Answer) -> set[Stretch]:
    return {(mark.start or 0, mark.end or 0, mark.label) for mark in answer}


def _touch(one: Stretch, other: Stretch) -> bool:
    return one[0] < other[1] and other[0] < one[1]
