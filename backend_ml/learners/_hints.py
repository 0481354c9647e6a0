"""What the rules of a kind say of a text, as a learner takes it in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend_ml import features
from backend_ml.features import Span, Token
from backend_ml.kept import Kept
from backend_ml.learners import _beside, _rulebook
from backend_ml.learners._rulebook import Rulebook
from projects.kinds.base import Kind

Floats = NDArray[np.float32]

NAME = "hints"
FILE = "hints.json"
SCALE = 0.5
"""What a rule that is never wrong weighs, beside words and pieces of length 1 each. With 1
the machine still leaned on the rules when 200 labels knew better (.89, not .92)."""
KEPT_BYTES = 32_000_000
"""Some 70,000 texts; a rulebook takes a millisecond to look through one."""
BOOKS_KEPT = 4


class Hints:
    """The rules of a kind, asked by a learner.

    They are taken as they were written: what labels say of a rule is for the learner
    to find out, so nothing of a text's own label is in what it sees of the text.
    """

    def __init__(self, written: str) -> None:
        self.written = written
        rows = json.loads(written)
        self.rules = tuple(_rulebook.from_json(row, where=FILE) for row in rows)
        self.labels = tuple(sorted({rule.label for rule in self.rules}))
        self._book = Rulebook(self.rules)
        self._kept: Kept[Floats] = Kept(
            lambda texts: [self._row(text) for text in texts],
            lambda row: row.nbytes,
            most_bytes=KEPT_BYTES,
        )

    def columns(self, texts: Sequence[str]) -> Floats:
        """How sure the rules for each label are, shape (n_texts, n_labels), in [0, ``SCALE``].

        Of several rules for a label, the chance that one of them is right.
        """
        rows = self._kept.of(texts)
        return np.stack(rows) if rows else np.zeros((0, len(self.labels)), dtype=np.float32)

    def token_features(self, text: str, tokens: Sequence[Token]) -> list[list[str]]:
        """What the rules would tag each token, and those beside it."""
        spans = [
            Span(one.start, one.end, self.rules[one.rule].label)
            for one in _rulebook.apart(self._book.find(text), self.rules)
        ]
        return tag_features(features.spans_to_tags(tokens, spans))

    def _row(self, text: str) -> Floats:
        matching = {one.rule for one in self._book.find(text)}
        wrong = dict.fromkeys(self.labels, 1.0)
        for rule in (self.rules[number] for number in sorted(matching)):
            wrong[rule.label] *= 1.0 - rule.confidence
        return np.array([SCALE * (1.0 - wrong[x]) for x in self.labels], dtype=np.float32)


def tag_features(tags: Sequence[str]) -> list[list[str]]:
    """The tag of each token, and those beside it."""
    around = ["<edge>", *tags, "<edge>"]
    return [
        [f"rule={tag}", f"rule-1={around[i]}", f"rule+1={around[i + 2]}"]
        for i, tag in enumerate(tags)
    ]


def read(kind: Kind) -> Hints | None:
    """What the kind's rules say; ``None`` without rules for a label that it offers.

    Raises
    ------
    BadInput
        When the file has a line that is no rule.
    """
    rules = _rulebook.of_kind(kind)
    return of(json.dumps([asdict(rule) for rule in rules])) if rules else None


@lru_cache(maxsize=BOOKS_KEPT)
def of(written: str) -> Hints:
    """The hints of rules as :attr:`Hints.written` has them; the same object while it is kept."""
    return Hints(written)


def save(hints: Hints | None, folder: Path) -> dict[str, str]:
    """Write the rules beside the model; what to note of them."""
    return _beside.save(None if hints is None else hints.written, folder, NAME)


def load(folder: Path, notes: Mapping[str, str]) -> Hints | None:
    """The rules that a model was trained with, whatever the kind's folder has now.

    Raises
    ------
    ValueError
        When they are not those that were saved.
    """
    written = _beside.load(folder, NAME, notes)
    return None if written is None else of(written)
