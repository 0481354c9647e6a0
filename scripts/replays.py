"""Replays of a project's own labels: every learner with every strategy, over several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table
from scipy import stats

from backend_ml import charts, curves, learners, model_store, replaying, strategies
from backend_ml.labels import Label
from backend_ml.replaying import Point, Row
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.errors import BadInput, UnknownName
from projects.kit.intervals import LEVEL, Estimate

TEST_SHARE = 0.25
STEPS = 8
TARGET = 0.95
"""Share of the quality with all labels that counts as reached."""
USUAL = ("random", "margin")
"""The strategies of a replay when none is named, as far as there are files of them."""
DASH = "-"


@dataclass(frozen=True)
class Plan:
    """What is to be played."""

    kind: Kind
    labels: Sequence[Label]
    sizes: tuple[int, ...]
    runs: tuple[tuple[str, str, int], ...]
    """(learner, strategy, seed)."""


@dataclass(frozen=True)
class Outcome:
    """One learner with one strategy."""

    learner: str
    strategy: str
    sizes: tuple[int, ...]
    quality: tuple[Estimate, ...]
    """Mean over the seeds, and Student's interval; of one seed alone the whole of [0, 1]."""
    labels_to_target: tuple[int | None, ...]
    """Of each seed: ``None`` where 95% of the best learner's full quality is never reached."""


def plan(
    kind: Kind, labels: Sequence[Label], usual: str, given: str, asked: str, seeds: int
) -> Plan:
    """The runs that a person asked for; ``usual`` is the learner when none is named.

    Raises
    ------
    UnknownName
        When a learner or a strategy is none of ours.
    BadInput
        When a learner cannot learn this form of answer.
    TooFewLabels
        With too few labels for a curve.
    """
    if len(labels) < curves.LEAST_LABELS:
        raise curves.TooFewLabels(len(labels))
    who = _chosen(given, discovery.names(learners)) or (usual,)
    known = discovery.names(strategies)
    how = _chosen(asked, known) or tuple(name for name in USUAL if name in known)
    for name in who:
        if kind.form not in model_store.learner_file(name).FORMS:
            raise BadInput(f"it cannot learn {kind.form}", name)
    whole = len(labels) - round(len(labels) * TEST_SHARE)
    sizes = np.unique(np.geomspace(min(10, whole), whole, STEPS).round().astype(int))
    runs = tuple((one, way, seed) for one in who for way in how for seed in range(seeds))
    return Plan(kind, labels, tuple(int(size) for size in sizes), runs)


def run(asked: Plan, tell: Callable[[], None]) -> list[Outcome]:
    """Play every run; the same seed splits and shuffles the labels the same for all."""
    played: dict[tuple[str, str], list[list[Point]]] = {}
    for learner, strategy, seed in asked.runs:
        order = np.random.default_rng(seed).permutation(len(asked.labels))
        rows = [Row(asked.labels[place].text, asked.labels[place].answer) for place in order]
        whole = asked.sizes[-1]
        points = replaying.replay(
            asked.kind, rows[:whole], rows[whole:], learner=learner, strategy=strategy,
            sizes=asked.sizes, seed=seed,
        )  # fmt: skip
        played.setdefault((learner, strategy), []).append(points)
        tell()
    goals = [
        TARGET * max(found[seed][-1].quality for found in played.values())
        for seed in range(min(map(len, played.values())))
    ]
    return [
        Outcome(
            learner,
            strategy,
            asked.sizes,
            tuple(
                mean([points[place].quality for points in found])
                for place in range(len(asked.sizes))
            ),
            tuple(
                replaying.labels_to(points, goal) for points, goal in zip(found, goals, strict=True)
            ),
        )
        for (learner, strategy), found in played.items()
    ]


def mean(values: Sequence[float]) -> Estimate:
    """Mean over seeds with Student's interval, cut to [0, 1]; one value tells nothing more."""
    n, middle = len(values), statistics.fmean(values)
    if n < 2:
        return Estimate(middle, 0.0, 1.0, n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * statistics.stdev(values) / n**0.5
    return Estimate(middle, max(0.0, middle - half), min(1.0, middle + half), n)


def needed(outcome: Outcome) -> str:
    """Labels to the target in words: the median, how far the seeds lie apart, or a dash."""
    found = sorted(value for value in outcome.labels_to_target if value is not None)
    total = len(outcome.labels_to_target)
    if 2 * len(found) <= total:
        return DASH
    missed = total - len(found)
    middle = round(statistics.median([*found, *[float("inf")] * missed]))
    more = f", {missed} of {total} never" if missed else ""
    return f"{middle} ({found[0]} to {found[-1]}{more})"


def table(found: Sequence[Outcome]) -> Table:
    """Every learner and strategy: full quality, and the labels needed."""
    shown = Table(title=f"Labels to {TARGET:.0%} of full quality (median; lowest to highest seed)")
    for column in ("learner", "strategy", "labels", "at half the labels", "with all"):
        shown.add_column(column)
    for one in found:
        half = one.quality[int(np.argmin(np.abs(np.array(one.sizes) - one.sizes[-1] / 2)))]
        shown.add_row(one.learner, one.strategy, needed(one), _words(half), _words(one.quality[-1]))
    return shown


def to_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The same as plain JSON."""
    return [asdict(one) for one in found]


def page(title: str, found: Sequence[Outcome]) -> str:
    """A page with the curves."""
    lines = [
        charts.line(
            f"{one.learner}, {one.strategy}", one.sizes, [asdict(q) for q in one.quality],
            place=place,
        )
        for place, one in enumerate(found)
    ]  # fmt: skip
    figure = charts.figure(lines, x="labels", y="quality", height=520)
    lead = "Quality on labels that were kept apart, by the number of labels chosen; 95% intervals."
    return charts.standalone(title, lead, [("Quality by labels", figure)])


def _chosen(given: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if name not in known:
            raise UnknownName(name, tuple(known))
    return names


def _words(found: Estimate) -> str:
    low, high = ("-", "-") if found.n < 2 else (f"{found.low:.3f}", f"{found.high:.3f}")
    return f"{found.value:.3f} ({low} to {high})"
