"""Labels that our default needs, beside random and every other strategy that we ship."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from backend_ml import embeddings, replaying, strategies
from backend_ml.replaying import RANDOM, Describe, Point, marks_to
from projects.kit import discovery
from scripts.bench import datasets, figures
from scripts.bench.datasets import Dataset
from scripts.bench.figures import Figure, at_least, at_most, mean_interval, ratio_interval
from scripts.bench.pools import workers
from scripts.bench.replayed import DEFAULT, FROM, SHARE, Curves, worst

MOST_TRAIN, MOST_TEST = 20_000, 5_000
HOLDS = 3
"""A replay ends when so many points in a row have held the target."""
STEPS = ((300, 50), (1_000, 100), (3_000, 250), (6_000, 500), (10**9, 1_000))
"""Up to so many labels, a model after so many new ones."""
RATIO_GOALS = {"clinc150:label": 0.45, "hwu64:spans": 0.55, "snips:spans": 0.55}
"""Labels of the default over labels of random; 1 for any other set (../shared/models.md)."""
EMBEDDED_GOALS = {"clinc150:label": 0.55, "hwu64:label": 0.70}
EMBEDDED_OVER_PLAIN = {"clinc150:label": 0.20}
AHEAD = {
    "nlupp_hotels:labels": (500, 0.02),
    "hwu64:spans": (1_000, 0.06),
    "snips:spans": (1_000, 0.06),
}
"""At so many labels, so much quality above random."""
EARLY = {"clinc150:label": (100, 0.40)}
"""At so many labels, so much quality."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    seeds: int = 5
    strategies: tuple[str, ...] = ()
    """Of our files; empty for all."""
    most_train: int = MOST_TRAIN
    most_test: int = MOST_TEST
    steps: tuple[tuple[int, int], ...] = STEPS
    processes: int = 1
    minutes: float = math.inf
    """After so many no replay is begun; the figures are of those that were."""
    most_labels: int | None = None
    """Every replay ends there; who has not reached the target by then has no labels to it."""


QUICK = Effort(
    seeds=2,
    strategies=(DEFAULT, RANDOM, "margin"),
    most_train=300,
    most_test=200,
    steps=((100, 50), (10**9, 100)),
)


@dataclass(frozen=True)
class Job:
    """One replay: everything that a process needs to do it."""

    folder: Path
    dataset: str
    base_seed: int
    seed: int
    strategy: str
    """Empty for the learner's quality with all labels."""
    target: float
    until: int
    """No earlier end than this."""
    effort: Effort
    embedding: str = ""


def measure(
    found: Sequence[Dataset],
    folder: Path,
    effort: Effort,
    *,
    seed: int,
    embedding: str,
    say: Callable[[str], None],
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details of every data set; with an embedding, of choices once more with it."""
    plain = _curves(found, folder, effort, seed=seed, embedding="", say=say)
    plain = {name: curves for name, curves in plain.items() if curves.curves}
    figures = [one for name, curves in plain.items() for one in _figures(name, curves)]
    details: dict[str, Any] = {name: _details(curves) for name, curves in plain.items()}
    if embedding:
        chosen = [one for one in found if one.kind.form == "choice"]
        few = Effort(**{**vars(effort), "strategies": (DEFAULT, RANDOM)})
        embedded = _curves(chosen, folder, few, seed=seed, embedding=embedding, say=say)
        for name, curves in embedded.items():
            if not curves.curves or name not in plain:
                continue
            figures += _embedded_figures(name, curves, plain[name])
            details[f"{name}+embeddings"] = _details(curves)
    return figures, details


def _curves(
    found: Sequence[Dataset],
    folder: Path,
    effort: Effort,
    *,
    seed: int,
    embedding: str,
    say: Callable[[str], None],
) -> dict[str, Curves]:
    """All replays, in as many processes as the effort allows."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one fit, one core
    with workers(effort.processes) as pool:
        whole = [Job(folder, one.name, seed, seed, "", 0.0, 0, effort, embedding) for one in found]
        say(f"label efficiency: {len(whole)} models of all labels")
        full = {job.dataset: points[-1].quality for job, points in _done(pool, whole)}
        is_cut = effort.most_labels is not None
        curves = {name: Curves(quality, is_cut) for name, quality in full.items()}
        jobs = [
            Job(folder, one.name, seed, seed + number, strategy, SHARE * full[one.name],
                _until(one.name), effort, embedding)
            for number in range(effort.seeds)
            for one in found
            for strategy in chosen(effort)
        ]  # fmt: skip
        until = time.monotonic() + 60 * effort.minutes
        for count, (job, points) in enumerate(_done(pool, jobs, until=until), start=1):
            curves[job.dataset].runs[job.strategy][job.seed] = points
            say(
                f"label efficiency: {count} of {len(jobs)} replays "
                f"({job.dataset}, {job.strategy}, to {points[-1].labels} labels)"
            )
    return {one.name: curves[one.name] for one in found}


def chosen(effort: Effort) -> tuple[str, ...]:
    """The strategies to compare; the default and random always."""
    named = effort.strategies or discovery.names(strategies)
    return tuple(dict.fromkeys([DEFAULT, RANDOM, *named]))


def _done(
    pool: ProcessPoolExecutor, jobs: Sequence[Job], *, until: float = math.inf
) -> Iterator[tuple[Job, list[Point]]]:
    """Each job with its result, as they end; those not begun at ``until`` are left out."""
    running: dict[Future[list[Point]], Job] = {pool.submit(do, job): job for job in jobs}
    for future in as_completed(running):
        if not future.cancelled():
            yield running[future], future.result()
        if time.monotonic() > until:
            for one in running:
                one.cancel()


def _until(name: str) -> int:
    sizes = [table[name][0] for table in (AHEAD, EARLY) if name in table]
    return max([FROM, *sizes])


def do(job: Job) -> list[Point]:
    """One replay, in a process of its own."""
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    _use_embedding(job.embedding)
    dataset = _dataset(job.folder, job.dataset, job.base_seed)
    train, test = _parts(dataset, job.effort, job.base_seed)
    learner = dataset.kind.learner
    if not job.strategy:
        return replaying.replay(
            dataset.kind, train, test, learner=learner, strategy=RANDOM, sizes=[len(train)],
            seed=job.seed,
        )  # fmt: skip
    sizes = sizes_for(min(len(train), job.effort.most_labels or len(train)), job.effort.steps)
    return replaying.replay(
        dataset.kind,
        train,
        test,
        learner=learner,
        strategy=job.strategy,
        sizes=sizes,
        seed=job.seed,
        stop=lambda points: _may_stop(points, job),
        describe=_description(job.folder, job.dataset, job.base_seed, job.effort, job.embedding),
    )


def _may_stop(points: Sequence[Point], job: Job) -> bool:
    last = points[-HOLDS:]
    held = len(last) == HOLDS and all(point.quality >= job.target for point in last)
    return held and points[-1].labels >= job.until


def sizes_for(rows: int, steps: Sequence[tuple[int, int]]) -> list[int]:
    """Numbers of labels at which there is a new model, up to all of them."""
    sizes, size = [], 0
    for end, step in steps:
        while size + step <= min(end, rows):
            size += step
            sizes.append(size)
    return [*sizes, rows] if not sizes or sizes[-1] < rows else sizes


@cache
def _use_embedding(path: str) -> None:
    embeddings.configure(path)


@cache
def _found(folder: Path, seed: int) -> Mapping[str, Dataset]:
    return {one.name: one for one in datasets.read(folder, seed=seed).datasets}


def _dataset(folder: Path, name: str, seed: int) -> Dataset:
    return _found(folder, seed)[name]


def _parts(dataset: Dataset, effort: Effort, seed: int) -> tuple[Any, Any]:
    """At most so many rows, the same for every replay."""
    rng = np.random.default_rng(seed)
    parts = ((dataset.train, effort.most_train), (dataset.test, effort.most_test))
    return tuple(  # type: ignore[return-value]
        rows if len(rows) <= most else tuple(rows[i] for i in rng.permutation(len(rows))[:most])
        for rows, most in parts
    )


@cache
def _description(folder: Path, name: str, seed: int, effort: Effort, embedding: str) -> Describe:
    del embedding  # a description made with another one is another description
    return replaying.description_of(_parts(_dataset(folder, name, seed), effort, seed)[0])


def _figures(name: str, curves: Curves) -> Iterator[Figure]:
    short = name.replace(":", "_")
    if curves.knows_labels(DEFAULT) and curves.knows_labels(RANDOM):
        yield figures.against_random(
            f"{short}_labels_to_95_ratio",
            curves.labels(DEFAULT),
            curves.labels(RANDOM),
            goal=RATIO_GOALS.get(name, 1.0),
            meaning=f"labels to {SHARE:.0%} of full-data quality, {DEFAULT} over {RANDOM}",
        )
    if name in EARLY:
        size, goal = EARLY[name]
        yield at_least(
            f"{short}_quality_at_{size}",
            goal=goal,
            meaning=f"quality of {DEFAULT} with {size} labels",
            **mean_interval(curves.at(DEFAULT, size)),
        )
    if name in AHEAD:
        yield _ahead(short, curves, *AHEAD[name])
    yield at_most(
        f"{short}_behind_random",
        worst(curves),
        goal=1.0,
        meaning=f"at its worst size from {FROM} labels on, how many standard deviations "
        f"{DEFAULT} is behind {RANDOM}; negative where it is ahead everywhere",
    )


def _ahead(short: str, curves: Curves, size: int, goal: float) -> Figure:
    pairs = zip(curves.at(DEFAULT, size), curves.at(RANDOM, size), strict=False)
    return at_least(
        f"{short}_ahead_at_{size}",
        goal=goal,
        meaning=f"quality of {DEFAULT} less that of {RANDOM} with {size} labels",
        **mean_interval([a - b for a, b in pairs]),
    )


def _embedded_figures(name: str, curves: Curves, plain: Curves) -> Iterator[Figure]:
    short = name.replace(":", "_")
    ours = curves.labels(DEFAULT)
    yield figures.against_random(
        f"{short}_embeddings_labels_to_95_ratio",
        ours,
        curves.labels(RANDOM),
        goal=EMBEDDED_GOALS.get(name, 1.0),
        meaning=f"with sentence embeddings: labels of {DEFAULT} over those of {RANDOM}",
    )
    if name in EMBEDDED_OVER_PLAIN:
        yield at_most(
            f"{short}_embeddings_over_plain_random_ratio",
            goal=EMBEDDED_OVER_PLAIN[name],
            meaning=f"labels of {DEFAULT} with embeddings over those of {RANDOM} without",
            **ratio_interval(ours, plain.labels(RANDOM)[: len(ours)]),
        )


def _details(curves: Curves) -> dict[str, Any]:
    knows_random = curves.knows_labels(RANDOM)
    random = float(np.median(curves.labels(RANDOM)))
    rows = {}
    for strategy, runs in sorted(curves.curves.items()):
        labels, is_known = curves.labels(strategy), curves.knows_labels(strategy)
        marks = [marks_to(c, curves.target) or c[-1].marks for c in runs]
        sizes = sorted({p.labels for run in runs for p in run})
        rows[strategy] = {
            "labels_to_95": float(np.median(labels)) if is_known else None,
            "labels_by_seed": labels,
            "reached": curves.reached(strategy),
            "over_random": float(np.median(labels)) / random if is_known and knows_random else None,
            "marks_to_95": float(np.median(marks)) if is_known else None,
            "quality": {
                size: mean_interval(curves.at(strategy, size)) | _deviation(curves, strategy, size)
                for size in sizes
            },
            "fit_seconds_at_most": max(p.fit_seconds for run in runs for p in run),
        }
    return {"full_quality": curves.full, "target": curves.target, "strategies": rows}


def _deviation(curves: Curves, strategy: str, size: int) -> dict[str, float | None]:
    values = curves.at(strategy, size)
    return {"sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}
