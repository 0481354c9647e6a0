"""Learning only what is new, when that leads to the same as starting again.

A version's folder says which labels it has learned. As long as each of them is
still what it was, the version can learn the new ones on top; when one was edited
or taken back, or lost its class, nothing can make the model forget it, so the
learner starts again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from backend_ml.labels import Label
from projects.vocabulary import Answer, answer_to_json

LEARNED = "learned.json"
WARM_FROM = 1000
"""Labels from which a fit from scratch is slow enough to be avoided."""
GROWTH = 1.10
"""After so many times the labels it starts again all the same: small losses add up."""
REPLAYED = 500
"""Labels that are learned again beside the new ones, so that they are not forgotten."""


def notes(labels: Sequence[Label]) -> dict[int, str]:
    """What a version that learns these labels has learned, by task: a digest of each.

    The same text and answer have the same one, of 16 letters.
    """
    written: dict[int, bytes] = {}  # most labels share an answer with others; it is written once
    found: dict[int, str] = {}
    for label in labels:
        answer = written.get(id(label.answer))
        if answer is None:
            answer = written[id(label.answer)] = _written(label.answer)
        told = answer + label.text.encode("utf-8", "surrogatepass")
        found[label.task_id] = blake2b(told, digest_size=8).hexdigest()
    return found


def write(folder: Path, learned: Mapping[int, str]) -> None:
    """Keep in a version's folder what it has learned."""
    (folder / LEARNED).write_text(json.dumps(learned, separators=(",", ":")), encoding="utf-8")


def read(folder: Path) -> dict[int, str] | None:
    """What a version has learned, by task; ``None`` when it does not say."""
    try:
        learned = json.loads((folder / LEARNED).read_text(encoding="utf-8"))
        return {int(task_id): str(value) for task_id, value in learned.items()}
    except (OSError, ValueError, AttributeError):
        return None


def _written(answer: Answer) -> bytes:
    """An answer, and where it ends: there is no line break in it."""
    return json.dumps(answer_to_json(answer), sort_keys=True).encode() + b"\n"


def is_wanted(labels: int, full_fit_labels: int) -> bool:
    """Whether there are many labels, and not many more than at the last fit from scratch."""
    return labels >= WARM_FROM and 0 < full_fit_labels and labels < GROWTH * full_fit_labels


def split(
    learned: Mapping[int, str], labels: Sequence[Label], *, seed: int
) -> tuple[list[Label], list[Label]] | None:
    """The labels that are new, and some of the others to learn again.

    ``None`` when a learned label is not any more what it was.
    """
    now = notes(labels)
    if any(now.get(task_id) != value for task_id, value in learned.items()):
        return None
    new = [label for label in labels if label.task_id not in learned]
    old = [label for label in labels if label.task_id in learned]
    rng = np.random.default_rng([seed, len(labels)])
    places = rng.choice(len(old), size=min(REPLAYED, len(old)), replace=False)
    return new, [old[place] for place in places]
