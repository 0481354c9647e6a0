"""What the pages show: scores with intervals, weak spots, marked text, durations. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from projects.agreement.base import Difference
from projects.kit import intervals
from projects.kit.intervals import Estimate
from projects.vocabulary import Mark

WEAK_N = 3
"""A label with fewer marks than this is not called a weak spot."""
WEAK_SHOWN = 3
BAR_WIDTH = 160.0


@dataclass(frozen=True)
class LabelScore:
    """How often one label of the reference was found exactly."""

    label: str
    found: Estimate


@dataclass(frozen=True)
class Bar:
    """An estimate as lengths in a drawing ``BAR_WIDTH`` wide."""

    width: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Piece:
    """A run of text under the same marks; ``ends`` names those that stop after it."""

    text: str
    kinds: tuple[str, ...]
    ends: tuple[tuple[str, str], ...]
    """Kind of difference and label."""


def label_scores(compared: Iterable[Sequence[Difference]]) -> list[LabelScore]:
    """Per label of the reference, the share found exactly, the weakest first."""
    found: dict[str, int] = defaultdict(int)
    marked: dict[str, int] = defaultdict(int)
    for differences in compared:
        for difference in differences:
            if difference.reference is not None:
                marked[difference.reference.label] += 1
                found[difference.reference.label] += difference.kind == "same"
    scores = []
    for label, n in marked.items():
        estimate = intervals.proportion(found[label], n)
        if estimate is not None:
            scores.append(LabelScore(label, estimate))
    return sorted(scores, key=lambda s: (s.found.value, -s.found.n, s.label))


def weak_spots(scores: Sequence[LabelScore]) -> list[LabelScore]:
    """The labels to coach first."""
    weak = [s for s in scores if s.found.n >= WEAK_N and s.found.value < 1]
    return weak[:WEAK_SHOWN]


def bar(estimate: Estimate) -> Bar:
    """Where to draw an estimate and its whiskers."""
    return Bar(
        width=BAR_WIDTH,
        value=round(BAR_WIDTH * estimate.value, 1),
        low=round(BAR_WIDTH * estimate.low, 1),
        high=round(BAR_WIDTH * estimate.high, 1),
    )


def pieces(text: str, marks: Sequence[tuple[Mark, str]]) -> list[Piece]:
    """The text cut at every border of a mark, each mark with the kind of its difference."""
    spans = [(m, k) for m, k in marks if m.start is not None and m.end is not None]
    borders = {0, len(text)}
    for mark, _ in spans:
        borders |= {_inside(mark.start, text), _inside(mark.end, text)}
    cuts = sorted(borders)
    found = []
    for start, end in pairwise(cuts):
        over = [(m, k) for m, k in spans if (m.start or 0) <= start and end <= (m.end or 0)]
        ends = tuple((k, m.label) for m, k in over if _inside(m.end, text) == end)
        found.append(Piece(text[start:end], tuple(sorted({k for _, k in over})), ends))
    return found


def sides(
    differences: Sequence[Difference],
) -> tuple[list[tuple[Mark, str]], list[tuple[Mark, str]]]:
    """The marks of the reference and of the candidate, each with its kind of difference."""
    reference = [(d.reference, str(d.kind)) for d in differences if d.reference is not None]
    candidate = [(d.candidate, str(d.kind)) for d in differences if d.candidate is not None]
    return reference, candidate


def quantile(values: Sequence[float], share: float) -> float | None:
    """A quantile of measured values; ``None`` without values."""
    return None if not values else float(np.quantile(np.asarray(values, dtype=float), share))


def latency(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Measured delays as their middle, their tail and their number."""
    return {"median": quantile(seconds, 0.5), "p99": quantile(seconds, 0.99), "n": len(seconds)}


def duration(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return "\u2013"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} days"


def ago(moment: datetime | None, *, now: datetime) -> str:
    """How long since a moment, for people."""
    if moment is None:
        return "\u2013"
    return f"{duration(max(0.0, (now - moment).total_seconds()))} ago"


def _inside(offset: int | None, text: str) -> int:
    return min(max(offset or 0, 0), len(text))
