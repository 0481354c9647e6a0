"""How long an annotator waits for their submit in Label Studio, with our webhook and without.

What is sent is what the editor sends, in the session of a browser, of a task with a
suggestion: Label Studio has about twice as much to do for it as for a script with a token.

And with a webhook like it to an endpoint that does nothing, bare as ours and with all that
Label Studio can write into it: what is left is Label Studio's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from projects.kit.web import SECRET_HEADER
from scripts.bench.figures import Figure, at_most, ratio_interval
from scripts.bench.practice import no_op
from scripts.bench.practice.place import PRODUCTION_SECRET, Place

GOAL = 1.10


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 10
    times: int = 6
    """So many answers of each sort in one round."""
    pause_seconds: float = 0.2


QUICK = Effort(rounds=2, times=2)


SIDES = ("with", "without", "with_no_op", "with_full_no_op")
Sides = Sequence[list[list[float]]]
"""Seconds, round by round, for each of :data:`SIDES`."""


def measure(
    place: Place, effort: Effort, *, database: str, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """The figure and its details; the place has to run, with its production project hooked."""
    found: Sides = [[] for _ in SIDES]
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
    spreads = {name: _spread(side) for name, side in zip(SIDES, found, strict=True)}
    return [figure(found, database=database)], {"rounds": effort.rounds, **spreads}


def figure(found: Sides, *, database: str) -> Figure:
    """Median over median of each round."""
    ours, without, nothing, full = ([float(np.median(one)) for one in side] for side in found)
    return at_most(
        f"submit_time_ratio_{database}",
        goal=GOAL,
        meaning="an annotator's submit in Label Studio with our webhook, over that without",
        **ratio_interval(ours, without),
        with_seconds=float(np.median(ours)),
        without_seconds=float(np.median(without)),
        over_a_webhook_that_does_nothing=ratio_interval(ours, nothing),
        webhook_that_does_nothing=ratio_interval(nothing, without),
        full_webhook_that_does_nothing=ratio_interval(full, without),
    )


def _tasks(place: Place, count: int, *, no_op_url: str) -> list[list[int]]:
    """Tasks with suggestions in our project, and in three like it: see :data:`SIDES`."""
    writer = place.worker
    config, headers = place.kind.label_config, {SECRET_HEADER: PRODUCTION_SECRET}
    titles = ("No webhook", "A webhook to nothing", "A full webhook to nothing")
    silent, bare, full = (writer.create_project(name, label_config=config).id for name in titles)
    writer.ensure_webhooks(bare, no_op_url, headers=headers)
    writer.ensure_webhook(full, no_op_url, headers=headers)
    numbers = (place.project.id, silent, bare, full)
    return [list(place.publish(count, project_id=number)) for number in numbers]


def _seconds(place: Place, task_id: int) -> float:
    task = place.editor.open(task_id)
    regions = place.regions(1, task["data"])
    begun = time.perf_counter()
    place.editor.submit(task, regions)
    return time.perf_counter() - begun


def _spread(rounds: list[list[float]]) -> dict[str, float | int]:
    found = [value for one in rounds for value in one]
    return {
        "submits": len(found),
        "p50_seconds": round(float(np.percentile(found, 50)), 4),
        "p90_seconds": round(float(np.percentile(found, 90)), 4),
        "p99_seconds": round(float(np.percentile(found, 99)), 4),
    }
