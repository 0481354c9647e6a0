"""As many labelled texts as wanted, made of those that there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from backend_ml import training
from backend_ml.learners.base import Learner
from backend_ml.replaying import Row
from projects.kinds.base import Kind
from projects.vocabulary import Mark

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TRIES = 20
"""So often a made text is made anew when there is one like it."""


def grown(rows: Sequence[Row], count: int, *, seed: int) -> tuple[list[str], list[str]]:
    """Texts and labels: first the rows there are, in random order, then texts made of them.

    A made text is the beginning of one text and the end of another of the same label,
    with a word from anywhere and one wrong letter. So labels stay as frequent as they
    are, words and pieces of words go on becoming more as they do where people write, and
    no text comes twice while ``TRIES`` find one that is new.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    texts = [rows[i].text for i in order[:count]]
    labels = [rows[i].answer[0].label for i in order[:count]]
    of_label: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        of_label[row.answer[0].label].append(row.text.split())
    words = sorted({word for row in rows for word in row.text.split()})
    there = set(texts)
    for label in (labels[i % len(rows)] for i in range(len(rows), count)):
        for _ in range(TRIES):
            text = _made(of_label[label], words, rng)
            if text not in there:
                break
        there.add(text)
        texts.append(text)
        labels.append(label)
    return texts, labels


def _made(texts: Sequence[Sequence[str]], words: Sequence[str], rng: np.random.Generator) -> str:
    """The beginning of one text, the end of another, a foreign word, a wrong letter."""
    begins, ends = (texts[i] for i in rng.integers(len(texts), size=2))
    cut, rest = (int(rng.integers(len(one) + 1)) for one in (begins, ends))
    cut = max(cut, len(begins) // 2)  # at least half of one of them stays
    made = [*begins[:cut], *ends[rest:]]
    made.insert(int(rng.integers(len(made) + 1)), words[int(rng.integers(len(words)))])
    at = int(rng.integers(len(made)))
    letter = int(rng.integers(len(made[at])))
    wrong = LETTERS[int(rng.integers(len(LETTERS)))]
    made[at] = made[at][:letter] + wrong + made[at][letter + 1 :]
    return " ".join(made)


def fitted(kind: Kind, texts: Sequence[str], labels: Sequence[str]) -> Learner:
    """The kind's learner of these labels, which has read their texts."""
    pairs = zip(texts, labels, strict=True)
    known = [Row(text, (Mark(kind.control, label),)) for text, label in pairs]
    return training.learn(kind, kind.learner, known, seed=0, texts=texts)
