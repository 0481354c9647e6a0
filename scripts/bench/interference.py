"""The latency of ``/predict`` while a training runs, beside that without, round by round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend_ml.workshop import Workshop
from scripts.bench import corpus, load, product, servers, studio
from scripts.bench.datasets import Dataset
from scripts.bench.figures import Figure, at_most, ratio_interval
from scripts.bench.load import Measured, Target
from scripts.bench.product import PROJECT, Ours
from scripts.bench.serving import STAMP
from scripts.bench.studio import StandIn

SLICE_SECONDS = 0.25
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    labels: int = 10_000
    open_tasks: int = 200
    rounds: int = 5
    most_seconds: float = 8.0
    """Of one state in one round."""
    clients: tuple[int, ...] = (1, 8)


QUICK = Effort(labels=300, open_tasks=50, rounds=2, most_seconds=1.0, clients=(1,))


def measure(
    dataset: Dataset, folder: Path, effort: Effort, *, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details, one per number of clients."""
    say(f"interference: preparing {effort.labels} labels")
    texts, labels = corpus.grown(dataset.train, effort.labels + effort.open_tasks, seed=0)
    known: list[str | None] = [*labels[: effort.labels], *([None] * effort.open_tasks)]
    plain = Ours(folder, servers.free_port(), "", dataset.kind.labels)
    standin = StandIn(PROJECT, plain.config, plain.kind.control, texts, list(known))
    server = studio.serve(standin)
    ours = Ours(folder, plain.port, f"http://127.0.0.1:{server.server_port}", plain.labels)
    folder.mkdir(parents=True, exist_ok=True)
    few = product.learnable(effort.labels, 2_000)
    learner = corpus.fitted(ours.kind, [texts[i] for i in few], [labels[i] for i in few])
    workshop = product.prepare(ours, texts, known, learner)
    fresh = [row.text for row in dataset.test]
    target = Target(ours.port, STAMP, ours.config, fresh, 1, credential=ours.credential)
    figures: list[Figure] = []
    details: dict[str, Any] = {"dataset": dataset.name, "labels": effort.labels}
    try:
        with ours.web(), ours.worker():
            for clients in effort.clients:
                pairs = list(_rounds(ours, workshop, target, clients, effort, say))
                figures.append(_figure(clients, pairs))
                details[f"{clients}_clients"] = _details(pairs)
    finally:
        server.shutdown()
        server.server_close()
    return figures, details


Pair = tuple[Measured, Measured]


def _rounds(
    ours: Ours,
    workshop: Workshop,
    target: Target,
    clients: int,
    effort: Effort,
    say: Callable[[str], None],
) -> Iterator[Pair]:
    """Without a training, then with one; a round whose training ended at once is left out."""
    stream = target.requests(keep=False)
    load.run(target, stream, clients=clients, seconds=0.5, keep=False)
    for number in range(effort.rounds):
        say(f"interference: {clients} clients, round {number + 1} of {effort.rounds}")
        _wait_until_calm(workshop)
        without = load.run(target, stream, clients=clients, seconds=effort.most_seconds, keep=False)
        ours.start_training()
        parts: list[Measured] = []
        begun = time.monotonic()
        asked = _wait_until_asked(workshop)
        while asked and time.monotonic() - begun < effort.most_seconds:
            part = load.run(target, stream, clients=clients, seconds=SLICE_SECONDS, keep=False)
            asked = product.training_is_asked_for(workshop)
            if asked:  # it ran from the first to the last request of this slice
                parts.append(part)
        if parts:
            yield without, load.together(parts)


def _wait_until_asked(workshop: Workshop) -> bool:
    """Until the worker has heard of it; false when it has finished already."""
    begun = time.monotonic()
    while time.monotonic() - begun < 5.0:
        if product.training_is_asked_for(workshop):
            return True
        time.sleep(0.01)
    return False


def _wait_until_calm(workshop: Workshop) -> None:
    """Until the last training, and the publication that follows it, are over."""
    begun = time.monotonic()
    while product.training_is_asked_for(workshop):
        if time.monotonic() - begun > PATIENCE_SECONDS:
            return
        time.sleep(0.1)
    time.sleep(1.5)


def _figure(clients: int, pairs: list[Pair]) -> Figure:
    ratio = ratio_interval(
        [during.percentile(99) for _, during in pairs],
        [without.percentile(99) for without, _ in pairs],
    )
    return at_most(
        f"predict_p99_while_training_ratio_{clients}_clients",
        goal=2.0,
        meaning="99th percentile of /predict for one task while a training runs, over that without",
        **ratio,
    )


def _details(pairs: list[Pair]) -> dict[str, Any]:
    if not pairs:
        return {"rounds": 0}
    return {
        "rounds": len(pairs),
        "without": load.together([without for without, _ in pairs]).to_json(),
        "during": load.together([during for _, during in pairs]).to_json(),
    }
