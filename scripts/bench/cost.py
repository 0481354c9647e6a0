"""What one more label costs when there are many already: requests to Label Studio, and time."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend_ml import model_store, schedule
from backend_ml.tables import LookRow, VersionRow
from backend_ml.workshop import Workshop
from projects.kit.database import now, transaction
from projects.kit.errors import PlatformError
from scripts.bench import corpus, product, servers, studio
from scripts.bench.datasets import Dataset
from scripts.bench.figures import Figure, at_most, mean_interval
from scripts.bench.product import PROJECT, Ours
from scripts.bench.studio import StandIn

SHARE = schedule.SHARE
QUIET_SECONDS = 2.0
"""Nothing asked for so long: the work is done."""
NEVER = "86400"
CHAMPION_LABELS = 2_000
"""At most so many labels teach the model that serves at the beginning."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    bursts: int = 3
    burst: int = 10
    """Labels that come together, or a hundredth of all: enough for a training at once."""
    open_tasks: int = 500
    """Besides those that the bursts label."""
    idle_seconds: float = 25.0
    patience_seconds: float = 900.0


QUICK = Effort(sizes=(100, 300), bursts=2, open_tasks=100, idle_seconds=3.0, patience_seconds=60.0)


class NoNewModel(PlatformError):
    """Labels were submitted and no model of them came to serve."""

    def __init__(self, labels: int, seconds: float) -> None:
        super().__init__(labels, seconds)
        self.labels = labels
        self.seconds = seconds

    def __str__(self) -> str:
        return f"No model of {self.labels} labels came within {self.seconds:g} seconds."


@dataclass
class Place:
    """One project with so many labels, our two processes, and the stand-in."""

    ours: Ours
    workshop: Workshop
    standin: StandIn
    truth: list[str]
    """The labels of the open tasks, in the order of their ids."""
    size: int
    submitted: int = 0


def measure(
    dataset: Dataset, folder: Path, effort: Effort, *, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details over all sizes."""
    found: dict[int, dict[str, Any]] = {}
    for size in effort.sizes:
        say(f"cost: preparing {size} labels")
        found[size] = _at(dataset, folder / str(size), size, effort, say)
    return list(_figures(found)), {"dataset": dataset.name, "by_labels": found}


def _at(
    dataset: Dataset, folder: Path, size: int, effort: Effort, say: Callable[[str], None]
) -> dict[str, Any]:
    with _place(dataset, folder, size, effort) as place:
        with place.ours.worker({"BACKEND_ML_RECONCILE_SECONDS": NEVER}):
            _settle(place.standin, effort)
            say(f"cost: {size} labels, the first burst")
            first = _burst(place, effort)  # a worker that has just started imports much
            _settle(place.standin, effort)
            before = place.standin.counted()
            bursts = []
            for number in range(effort.bursts):
                say(f"cost: {size} labels, burst {number + 1} of {effort.bursts}")
                bursts.append(_burst(place, effort))
                _settle(place.standin, effort)
            asked = place.standin.counted() - before
        say(f"cost: {size} labels, looks")
        looks = _looks(place, effort)
    labels = sum(one["labels"] for one in bursts)
    return {
        "requests": dict(asked),
        "labels": labels,
        "requests_per_label": asked.total() / labels,
        "first_burst": first,
        "bursts": bursts,
        "beyond_fit_seconds": mean_interval([one["beyond_fit_seconds"] for one in bursts]),
        **looks,
    }


@contextlib.contextmanager
def _place(dataset: Dataset, folder: Path, size: int, effort: Effort) -> Iterator[Place]:
    folder.mkdir(parents=True)
    waiting = effort.open_tasks + 2 * (effort.bursts + 1) * burst_size(size, effort)
    texts, labels = corpus.grown(dataset.train, size + waiting, seed=0)
    known: list[str | None] = [*labels[:size], *([None] * waiting)]
    mine = Ours(folder, servers.free_port(), "", dataset.kind.labels)
    standin = StandIn(PROJECT, mine.config, mine.kind.control, texts, list(known))
    server = studio.serve(standin)
    mine = Ours(folder, mine.port, f"http://127.0.0.1:{server.server_port}", mine.labels)
    few = product.learnable(size, CHAMPION_LABELS)
    learner = corpus.fitted(mine.kind, [texts[i] for i in few], [labels[i] for i in few])
    workshop = product.prepare(mine, texts, known, learner)
    try:
        with mine.web():
            yield Place(mine, workshop, standin, labels[size:], size)
    finally:
        server.shutdown()
        server.server_close()


def burst_size(labels: int, effort: Effort) -> int:
    """So many new labels that the last of them, and none before, is enough for a training.

    They count among all themselves. One that came after the training had begun would
    wait until it has been quiet for long, which is not what is timed here.
    """
    new = effort.burst
    while new < math.ceil((labels + new) * SHARE):
        new += 1
    return new


def _burst(place: Place, effort: Effort) -> dict[str, Any]:
    """Submit some labels and wait until a model that knows them is served."""
    told = []
    for _ in range(burst_size(place.size + place.submitted, effort)):
        label = place.truth[place.submitted]
        place.submitted += 1
        sent = time.monotonic()
        place.ours.tell(place.standin.annotate(place.size + place.submitted, label))
        told.append(time.monotonic() - sent)
    begun = time.monotonic()
    row, serves = _outcome(place, effort, begun)
    while serves and place.ours.version() != row.name:
        time.sleep(0.02)
    seconds = time.monotonic() - begun
    return {
        "labels": len(told),
        "seconds": seconds,
        "fit_seconds": row.seconds,
        "beyond_fit_seconds": seconds - row.seconds,
        "slowest_webhook_seconds": max(told),
        "serves": serves,
        "why": row.reason,
    }


def _outcome(place: Place, effort: Effort, begun: float) -> tuple[VersionRow, bool]:
    """The version that knows every label, and whether it serves: the gate may refuse it."""
    wanted = place.size + place.submitted
    while time.monotonic() - begun < effort.patience_seconds:
        known = [row for row in product.versions(place.workshop) if row.labels >= wanted]
        champions = [row for row in known if row.state == model_store.CHAMPION]
        if champions:
            return champions[0], True
        if known and not product.is_waiting_for_a_model(place.workshop):
            return known[0], False
        time.sleep(0.05)
    raise NoNewModel(wanted, effort.patience_seconds)


def _settle(standin: StandIn, effort: Effort) -> None:
    """Wait until nothing is asked any more."""
    seen, since, begun = -1, time.monotonic(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        total = standin.counted().total()
        if total != seen:
            seen, since = total, time.monotonic()
        if time.monotonic() - begun > effort.patience_seconds:
            return
        time.sleep(0.05)


def _looks(place: Place, effort: Effort) -> dict[str, Any]:
    """What the reconciler asks for by itself: a minute of it, and one whole comparison."""
    with transaction(place.workshop.sessions) as session:
        look = session.get_one(LookRow, PROJECT)
        look.looked_at, look.looks = now(), 1
    before = place.standin.counted()
    begun = time.monotonic()
    with place.ours.worker():
        time.sleep(effort.idle_seconds)
        spent = time.monotonic() - begun
        asked = place.standin.counted() - before
    return {
        "idle_requests_per_minute": asked.total() / spent * 60,
        "idle_requests": dict(asked),
        "tasks": len(place.standin.texts),
    }


def _figures(found: dict[int, dict[str, Any]]) -> Iterator[Figure]:
    for size, one in found.items():
        yield at_most(
            f"requests_per_label_at_{size}",
            one["requests_per_label"],
            1.0,
            f"requests to Label Studio for one more label with {size} labels there",
        )
    first, last = min(found), max(found)
    few, many = (found[size]["requests_per_label"] for size in (first, last))
    yield at_most(
        "requests_per_label_growth",
        many / few if few else None,
        1.5,
        f"requests per label with {last} labels over those with {first}",
    )
    for size, one in found.items():
        yield at_most(
            f"submit_to_serving_beyond_fit_seconds_at_{size}",
            goal=2.0,
            meaning="from the last of enough labels to the new model being served, less its fit",
            **one["beyond_fit_seconds"],
            fit=float(np.median([burst["fit_seconds"] for burst in one["bursts"]])),
        )
