"""One fit as a piece of work by itself: what goes in, what comes out, and doing it.

A job and its result are plain values, so that another process can do the work
(:mod:`backend_ml.fit_process`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from backend_ml import training, warming
from backend_ml.labels import Label
from backend_ml.learners.base import Guess, Learner, ModelUnreadable, Warm
from backend_ml.model_store import learner_file
from projects.kinds.base import Kind

FIT = "fit"
LEARN_MORE = "learn_more"
OUT_OF_FOLD = "out_of_fold"


@dataclass(frozen=True)
class Job:
    """Labels to learn from, and the learner to do it with."""

    kind: Kind
    learner: str
    """A file of ``learners``."""
    labels: tuple[Label, ...]
    seed: int
    texts: tuple[str, ...] = ()
    """What it may read beside the labels: :mod:`backend_ml.reading_matter`."""


@dataclass(frozen=True)
class Addition:
    """Labels to learn on top of what a version has learned."""

    kind: Kind
    learner: str
    """A file of ``learners``, of which the version is."""
    base: Path
    """The version's folder."""
    full_fit_labels: int
    """Labels at the last fit from scratch that the version goes back to."""
    new: tuple[Label, ...]
    again: tuple[Label, ...]
    """Some that it has learned, so that they are not forgotten."""
    seed: int


@dataclass(frozen=True)
class Order:
    """Work for another process."""

    what: str
    """``fit``, ``learn_more`` or ``out_of_fold``."""
    work: Job | Addition
    folder: str = ""
    """Where a fitted learner is saved."""


@dataclass(frozen=True)
class Fitted:
    """A learner that was saved into the folder that was named, and what it took."""

    seconds: float
    full_fit_labels: int
    """Labels at the last fit from scratch that it goes back to."""


class Fitter(Protocol):
    """Does the work, here or elsewhere."""

    def fit(self, job: Job, folder: Path) -> Fitted | None:
        """Fit and save into an empty folder; ``None`` when the labels do not suffice."""

    def learn_more(self, addition: Addition, folder: Path) -> Fitted | None:
        """Learn on top and save into an empty folder; ``None``, and nothing, if it cannot."""

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        """A guess for every label by a model that did not see it."""


class Here:
    """Does the work in this process and this thread."""

    def fit(self, job: Job, folder: Path) -> Fitted | None:
        begun = time.monotonic()
        model = training.learn(job.kind, job.learner, job.labels, seed=job.seed, texts=job.texts)
        if not model.classes_:
            return None
        model.save(folder)
        warming.write(folder, warming.notes(job.labels))
        return Fitted(time.monotonic() - begun, len(job.labels))

    def learn_more(self, addition: Addition, folder: Path) -> Fitted | None:
        begun = time.monotonic()
        learned, model = warming.read(addition.base), _learn_more(addition)
        if learned is None or model is None:
            return None
        model.save(folder)
        warming.write(folder, learned | warming.notes(addition.new))
        return Fitted(time.monotonic() - begun, addition.full_fit_labels)

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        return training.out_of_fold(
            job.kind, job.learner, job.labels, seed=job.seed, texts=job.texts
        )


def _learn_more(addition: Addition) -> Learner | None:
    """The base after the new labels; ``None`` where its learner has to start from scratch."""
    try:
        model = learner_file(addition.learner).load(addition.base, addition.kind)
    except ModelUnreadable:
        return None
    if not hasattr(model, "learn_more"):
        return None
    done = cast(Warm, model).learn_more(
        [label.text for label in addition.new],
        [label.answer for label in addition.new],
        replay_texts=[label.text for label in addition.again],
        replay_answers=[label.answer for label in addition.again],
        seed=addition.seed,
    )
    return model if done else None
