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
OUT_OF_FOLD = "out_of_fold"


@dataclass(frozen=True)
class Job:
    """Labels to learn from, and the learner to do it with."""

    kind: Kind
    learner: str
    """A file of ``learners``."""
    labels: tuple[Label, ...]
    seed: int
    base: Path | None = None
    """Folder of a version of the same learner that may learn the new labels on top."""
    base_full_fit_labels: int = 0
    """Labels at the last fit from scratch that the base goes back to."""


@dataclass(frozen=True)
class Order:
    """A job for another process."""

    what: str
    """``fit`` or ``out_of_fold``."""
    job: Job
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

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        """A guess for every label by a model that did not see it."""


class Here:
    """Does the work in this process and this thread."""

    def fit(self, job: Job, folder: Path) -> Fitted | None:
        begun = time.monotonic()
        model, full = _learn_more(job), job.base_full_fit_labels
        if model is None:
            model, full = _from_scratch(job), len(job.labels)
        if model is None:
            return None
        model.save(folder)
        warming.write(folder, job.labels)
        return Fitted(time.monotonic() - begun, full)

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        return training.out_of_fold(job.kind, job.learner, job.labels, seed=job.seed)


def _from_scratch(job: Job) -> Learner | None:
    return training.train(job.kind, job.learner, job.labels, seed=job.seed)


def _learn_more(job: Job) -> Learner | None:
    """The base after the new labels; ``None`` where it must start from scratch."""
    if job.base is None:
        return None
    learned = warming.read(job.base)
    parts = None if learned is None else warming.split(learned, job.labels, seed=job.seed)
    if parts is None:
        return None
    try:
        model = learner_file(job.learner).load(job.base, job.kind)
    except ModelUnreadable:
        return None
    if not hasattr(model, "learn_more"):
        return None
    new, again = parts
    done = cast(Warm, model).learn_more(
        [label.text for label in new],
        [label.answer for label in new],
        replay_texts=[label.text for label in again],
        replay_answers=[label.answer for label in again],
        seed=job.seed,
    )
    return model if done else None
