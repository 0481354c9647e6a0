"""How long an annotator waits for their submit in Label Studio, with our webhook and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.bench.figures import Figure, at_most, ratio_interval
from scripts.bench.practice.place import Place, row_of, texts_of
from scripts.bench.practice.studios import submit

GOAL = 1.10


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 10
    pairs: int = 8
    """Answers with and answers without, in one round."""
    pause_seconds: float = 0.2


QUICK = Effort(rounds=2, pairs=2)


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """The figure and its details; the place has to run, with its production project hooked."""
    tasks = _tasks(place, (effort.rounds + 1) * effort.pairs)
    with_us: list[list[float]] = []
    without: list[list[float]] = []
    for number in range(-1, effort.rounds):
        say(f"submitting on {database}: round {max(0, number + 1)} of {effort.rounds}")
        found: tuple[list[float], list[float]] = ([], [])
        for pair in range(effort.pairs):
            for side in (0, 1) if pair % 2 == 0 else (1, 0):
                found[side].append(_seconds(place, tasks[side].pop()))
                place.wait_until_quiet()  # so that what follows it slows no other submit down
                time.sleep(effort.pause_seconds)
        if number >= 0:  # the first round warms up
            with_us.append(found[0])
            without.append(found[1])
    return [figure(with_us, without, database=database)], {
        "rounds": effort.rounds,
        "with": _spread(with_us),
        "without": _spread(without),
    }


def figure(with_us: list[list[float]], without: list[list[float]], *, database: str) -> Figure:
    """Median over median of each round."""
    on, off = ([float(np.median(one)) for one in side] for side in (with_us, without))
    return at_most(
        f"submit_time_ratio_{database}",
        goal=GOAL,
        meaning="an annotator's submit in Label Studio with our webhook, over that without",
        **ratio_interval(on, off),
        with_seconds=float(np.median(on)),
        without_seconds=float(np.median(off)),
    )


def _tasks(place: Place, count: int) -> tuple[list[int], list[int]]:
    """Tasks in our project, and in one like it that tells nobody."""
    writer = place.worker
    plain = writer.create_project("No webhook", label_config=place.kind.label_config)
    rows = [row_of(text) for text in texts_of(count, seed=f"submit/{plain.id}")]
    return (
        writer.import_tasks(place.project.id, rows),
        writer.import_tasks(plain.id, rows),
    )


def _seconds(place: Place, task_id: int) -> float:
    regions = place.regions(task_id, row_of("")["data"])
    begun = time.perf_counter()
    submit(place.worker, task_id, regions)
    return time.perf_counter() - begun


def _spread(rounds: list[list[float]]) -> dict[str, float | int]:
    found = [value for one in rounds for value in one]
    return {
        "submits": len(found),
        "p50_seconds": round(float(np.percentile(found, 50)), 4),
        "p90_seconds": round(float(np.percentile(found, 90)), 4),
        "p99_seconds": round(float(np.percentile(found, 99)), 4),
    }
