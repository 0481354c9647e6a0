"""How long an annotator waits for their submit in Label Studio, with our webhook and without.

And with a webhook to an endpoint that does nothing: what is left is Label Studio's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from projects.kit.web import SECRET_HEADER
from scripts.bench.figures import Figure, at_most, ratio_interval
from scripts.bench.practice import no_op
from scripts.bench.practice.place import PRODUCTION_SECRET, Place, row_of, texts_of
from scripts.bench.practice.studios import submit

GOAL = 1.10


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 10
    times: int = 6
    """So many answers of each sort in one round."""
    pause_seconds: float = 0.2


QUICK = Effort(rounds=2, times=2)


Sides = tuple[list[list[float]], list[list[float]], list[list[float]]]
"""Seconds, round by round: with our webhook, without one, with one to a no-op endpoint."""


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """The figure and its details; the place has to run, with its production project hooked."""
    found: Sides = ([], [], [])
    with no_op.running(place.folder) as url:
        tasks = _tasks(place, (effort.rounds + 1) * effort.times, no_op_url=url)
        for number in range(-1, effort.rounds):
            say(f"submitting on {database}: round {max(0, number + 1)} of {effort.rounds}")
            seconds: list[list[float]] = [[] for _ in found]
            for turn in range(effort.times):
                for step in range(len(found)):
                    side = (turn + step) % len(found)
                    seconds[side].append(_seconds(place, tasks[side].pop()))
                    place.wait_until_quiet()  # so that what follows it slows no other submit down
                    time.sleep(effort.pause_seconds)
            if number >= 0:  # the first round warms up
                for rounds, one in zip(found, seconds, strict=True):
                    rounds.append(one)
    names = ("with", "without", "with_no_op")
    spreads = {name: _spread(side) for name, side in zip(names, found, strict=True)}
    return [figure(found, database=database)], {"rounds": effort.rounds, **spreads}


def figure(found: Sides, *, database: str) -> Figure:
    """Median over median of each round."""
    ours, without, nothing = ([float(np.median(one)) for one in side] for side in found)
    return at_most(
        f"submit_time_ratio_{database}",
        goal=GOAL,
        meaning="an annotator's submit in Label Studio with our webhook, over that without",
        **ratio_interval(ours, without),
        with_seconds=float(np.median(ours)),
        without_seconds=float(np.median(without)),
        over_a_webhook_that_does_nothing=ratio_interval(ours, nothing),
        webhook_that_does_nothing=ratio_interval(nothing, without),
    )


def _tasks(place: Place, count: int, *, no_op_url: str) -> tuple[list[int], list[int], list[int]]:
    """Tasks in our project, in one like it that tells nobody, and in one that tells the no-op."""
    writer = place.worker
    config = place.kind.label_config
    silent = writer.create_project("No webhook", label_config=config).id
    nothing = writer.create_project("A webhook to nothing", label_config=config).id
    writer.ensure_webhook(nothing, no_op_url, headers={SECRET_HEADER: PRODUCTION_SECRET})
    rows = [row_of(text) for text in texts_of(count, seed=f"submit/{silent}")]
    ours, quiet, told = (
        writer.import_tasks(number, rows) for number in (place.project.id, silent, nothing)
    )
    return ours, quiet, told


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
