"""As many labelled texts as wanted, made of those that there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend_ml import model_store
from backend_ml.learners.base import Learner
from backend_ml.replaying import Row
from projects.kinds.base import Kind
from projects.vocabulary import Mark

EXTRA_WORDS = 2


def grown(rows: Sequence[Row], count: int, *, seed: int) -> tuple[list[str], list[str]]:
    """Texts and labels; past the last row they begin again, with words of other texts added.

    No text comes twice that way, and a label stays as hard to tell as it was.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    words = sorted({word for row in rows for word in row.text.split()})
    drawn = rng.integers(len(words), size=(count, EXTRA_WORDS)).tolist()
    texts, labels = [], []
    for number in range(count):
        row = rows[order[number % len(rows)]]
        more = [words[i] for i in drawn[number]] if number >= len(rows) else []
        texts.append(" ".join([row.text, *more]))
        labels.append(row.answer[0].label)
    return texts, labels


def fitted(kind: Kind, texts: Sequence[str], labels: Sequence[str]) -> Learner:
    """The kind's learner of these labels."""
    learner = model_store.learner_file(kind.learner).new(kind)
    learner.fit(texts, [(Mark(kind.control, label),) for label in labels], seed=0)
    return learner
