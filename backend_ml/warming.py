"""Learning only what is new, when that leads to the same as starting again.

A version's folder says which labels it has learned. As long as each of them is
still what it was, the version can learn the new ones on top; when one was edited
or taken back, or lost its class, nothing can make the model forget it, so the
learner starts again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from backend_ml.labels import Label
from projects.vocabulary import answer_to_json

LEARNED = "learned.json"
WARM_FROM = 1000
"""Labels from which a fit from scratch is slow enough to be avoided."""
GROWTH = 1.10
"""After so many times the labels it starts again all the same: small losses add up."""
REPLAYED = 500
"""Labels that are learned again beside the new ones, so that they are not forgotten."""


def write(folder: Path, labels: Sequence[Label]) -> None:
    """Note in a version's folder what it has learned."""
    notes = {str(label.task_id): digest(label) for label in labels}
    (folder / LEARNED).write_text(json.dumps(notes, separators=(",", ":")), encoding="utf-8")


def read(folder: Path) -> dict[int, str] | None:
    """What a version has learned, by task; ``None`` when it does not say."""
    try:
        notes = json.loads((folder / LEARNED).read_text(encoding="utf-8"))
        return {int(task_id): str(value) for task_id, value in notes.items()}
    except (OSError, ValueError, AttributeError):
        return None


def digest(label: Label) -> str:
    """The same text and answer, the same 16 letters."""
    told = json.dumps([label.text, answer_to_json(label.answer)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def is_wanted(labels: int, full_fit_labels: int) -> bool:
    """Whether there are many labels, and not many more than at the last fit from scratch."""
    return labels >= WARM_FROM and 0 < full_fit_labels and labels < GROWTH * full_fit_labels


def split(
    learned: Mapping[int, str], labels: Sequence[Label], *, seed: int
) -> tuple[list[Label], list[Label]] | None:
    """The labels that are new, and some of the others to learn again.

    ``None`` when a learned label is not any more what it was.
    """
    now = {label.task_id: digest(label) for label in labels}
    if any(now.get(task_id) != value for task_id, value in learned.items()):
        return None
    new = [label for label in labels if label.task_id not in learned]
    old = [label for label in labels if label.task_id in learned]
    rng = np.random.default_rng([seed, len(labels)])
    places = rng.choice(len(old), size=min(REPLAYED, len(old)), replace=False)
    return new, [old[place] for place in places]
