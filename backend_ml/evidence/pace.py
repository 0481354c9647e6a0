"""How fast people label, and how fast the service answers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import Histogram
from scipy import stats

from backend_ml.tables import LabelRow
from projects.kit.intervals import LEVEL

PAUSE = timedelta(minutes=10)
"""Nobody labelled between two labels further apart than this."""
BARS = 48
STEPS_SECONDS = (60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400)


@dataclass(frozen=True)
class Rate:
    """Events per hour from ``n`` events, with the 95% interval of a Poisson process."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Bar:
    """Labels accepted in one stretch of time."""

    begins: datetime
    labels: int


@dataclass(frozen=True)
class Pace:
    """How fast labels came."""

    per_hour: Rate | None = None
    """While people were at work: pauses over ten minutes are left out."""
    seconds_per_label: float | None = None
    """The median time that Label Studio says a person spent on a task."""
    bar_seconds: int = 0
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Latency:
    """Quantiles of a histogram, in seconds."""

    p50: float
    p99: float
    n: int


def pace(rows: Sequence[LabelRow]) -> Pace:
    """The pace of labels in the order of their answers; adjudicated truth is not labelling."""
    made = [row for row in rows if not row.ground_truth]
    moments = [row.created_at for row in made]
    leads = sorted(row.lead_time_seconds for row in made if row.lead_time_seconds is not None)
    step = _step(moments)
    return Pace(
        per_hour=rate(moments),
        seconds_per_label=leads[len(leads) // 2] if leads else None,
        bar_seconds=step,
        bars=tuple(_bars(moments, step)),
    )


def rate(moments: Sequence[datetime]) -> Rate | None:
    """Labels per hour of work; ``None`` without two labels close to each other.

    The time between two labels is work when it is at most ``PAUSE``; the label at
    its end is counted. The interval is Garwood's (1936, Biometrika 28), exact for
    a Poisson count.
    """
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    work = [gap for gap in gaps if gap <= PAUSE.total_seconds()]
    hours = sum(work) / 3600
    if hours <= 0:
        return None
    n = len(work)
    low = stats.chi2.ppf((1 - LEVEL) / 2, 2 * n) / 2
    high = stats.chi2.ppf((1 + LEVEL) / 2, 2 * n + 2) / 2
    return Rate(n / hours, float(low) / hours, float(high) / hours, n)


def quantile(bounds: Sequence[float], counts: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of the observations lie; ``None`` without any.

    ``counts[i]`` observations are at most ``bounds[i]`` (so they never fall). Within
    a bucket they are taken to be spread evenly, as Prometheus does; those above the
    last finite bound are taken to lie on it.
    """
    if not counts or counts[-1] <= 0:
        return None
    wanted = share * counts[-1]
    below, start = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if math.isinf(bound):
            return start
        if count >= wanted and count > below:
            return start + (bound - start) * (wanted - below) / (count - below)
        below, start = count, bound
    return start


def latency(histogram: Histogram) -> Latency | None:
    """p50 and p99 of what one histogram has seen; ``None`` before it has seen anything."""
    samples = [s for metric in histogram.collect() for s in metric.samples]
    buckets = sorted(
        (float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")
    )
    bounds, counts = [b for b, _ in buckets], [c for _, c in buckets]
    p50, p99 = quantile(bounds, counts, 0.5), quantile(bounds, counts, 0.99)
    return None if p50 is None or p99 is None else Latency(p50, p99, int(counts[-1]))


def _step(moments: Sequence[datetime]) -> int:
    """The shortest stretch of time of which ``BARS`` cover all moments."""
    if not moments:
        return STEPS_SECONDS[0]
    whole = (max(moments) - min(moments)).total_seconds()
    return next((s for s in STEPS_SECONDS if whole / s <= BARS - 1), STEPS_SECONDS[-1])


def _bars(moments: Iterable[datetime], step: int) -> list[Bar]:
    counts: dict[int, int] = {}
    for moment in moments:
        place = int(moment.timestamp() // step)
        counts[place] = counts.get(place, 0) + 1
    if not counts:
        return []
    first, last = min(counts), max(counts)
    return [
        Bar(datetime.fromtimestamp(place * step, UTC), counts.get(place, 0))
        for place in range(max(first, last - 4 * BARS), last + 1)
    ]
