"""Whether a confidence of 0.8 is right eight times in ten, from what people were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend_ml import calibration
from backend_ml.evidence.accuracy import was_shown
from backend_ml.selecting import RANDOM
from backend_ml.tables import LabelRow
from projects.kit import intervals
from projects.kit.intervals import Estimate

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Suggestions of about the same confidence."""

    low: float
    high: float
    confidence: float
    """Their mean confidence, in [0, 1]."""
    accepted: Estimate
    """How many of them people left as they were."""


@dataclass(frozen=True)
class Reliability:
    """Confidence against acceptance."""

    bins: tuple[Bin, ...] = ()
    """Those with a suggestion in them, in the order of confidence."""
    error: Estimate | None = None
    """Expected calibration error, in [0, 1]."""
    drawn: bool = False
    """Whether these are the tasks that were drawn at random, and not all."""


def reliability(rows: Sequence[LabelRow]) -> Reliability:
    """Of suggestions that were shown: how sure the model was, and whether it was accepted.

    Of the random arm, where some of it was shown: the tasks that were chosen are harder than
    those that arrive, and say little of how sure a model should be of these.
    ``BINS`` bins of equal width, as in DeGroot & Fienberg (1983), The Statistician 32.
    """
    shown = [row for row in rows if was_shown(row) and row.suggested_confidence is not None]
    drawn = [row for row in shown if row.arm == RANDOM]
    pairs = [(row.suggested_confidence, row.outcome == "accepted") for row in drawn or shown]
    if not pairs:
        return Reliability()
    confidence = np.array([value for value, _ in pairs], dtype=np.float64)
    right = np.array([found for _, found in pairs], dtype=bool)
    place = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        accepted = intervals.proportion(int(right[inside].sum()), int(inside.sum()))
        if accepted is not None:
            middle = float(confidence[inside].mean())
            bins.append(Bin(number / BINS, (number + 1) / BINS, middle, accepted))
    error = calibration.expected_calibration_error(confidence.tolist(), right.tolist())
    return Reliability(tuple(bins), error, drawn=bool(drawn))
