"""A learner file for tests: it always gives the answer that was most frequent.

Tests put the folder of this file beside the learners; see :func:`beside_the_learners`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend_ml import learners
from backend_ml.learners.base import Guess, Guesses
from projects.kinds.base import Kind
from projects.vocabulary import Answer, answer_from_json, answer_to_json

FORMS = ("choice",)


def beside_the_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this folder's files be learners for one test."""
    monkeypatch.setattr(learners, "__path__", [*learners.__path__, str(Path(__file__).parent)])


class Stubborn:
    """Sure of one answer, whatever is asked."""

    def __init__(self, answer: Answer = ()) -> None:
        self.answer = answer

    @property
    def classes_(self) -> tuple[str, ...]:
        return tuple(mark.label for mark in self.answer)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        del texts, seed
        if answers:
            self.answer = Counter(answers).most_common(1)[0][0]

    def predict(self, texts: Sequence[str]) -> Guesses:
        one = Guess(self.answer, 0.5, tuple(0.5 for _ in self.answer)) if self.answer else None
        return Guesses(tuple(one for _ in texts))

    def save(self, folder: Path) -> None:
        (folder / "answer.json").write_text(json.dumps(answer_to_json(self.answer)))


def new(kind: Kind) -> Stubborn:
    del kind
    return Stubborn()


def load(folder: Path, kind: Kind) -> Stubborn:
    del kind
    return Stubborn(answer_from_json(json.loads((folder / "answer.json").read_text())))
