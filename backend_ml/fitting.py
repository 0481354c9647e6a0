"""One fit as a piece of work by itself: what goes in, what comes out, and doing it.

A job and its result are plain values, so that another process can do the work
(:mod:`backend_ml.fit_process`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend_ml import training
from backend_ml.labels import Label
from backend_ml.learners.base import Guess
from projects.kinds.base import Kind


@dataclass(frozen=True)
class Job:
    """Labels to learn from, and the learner to do it with."""

    kind: Kind
    learner: str
    """A file of ``learners``."""
    labels: tuple[Label, ...]
    seed: int


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
        model = training.train(job.kind, job.learner, job.labels, seed=job.seed)
        if model is None:
            return None
        model.save(folder)
        return Fitted(time.monotonic() - begun, len(job.labels))

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        return training.out_of_fold(job.kind, job.learner, job.labels, seed=job.seed)
