"""``/predict`` over HTTP: our server beside label-studio-ml's own, round by round."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from backend_ml.learners.base import Learner
from scripts.bench import corpus, load, servers
from scripts.bench.datasets import Dataset
from scripts.bench.figures import Figure, at_least, at_most, mean_interval, ratio_interval
from scripts.bench.load import Measured, Target
from scripts.bench.peers import label_studio_ml
from scripts.bench.product import PROJECT, Ours, prepare

STAMP = f"{PROJECT}.1767225600"
"""A project as Label Studio names it: id and moment of creation."""


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rows: int = 5_000
    """Labels that both models learn from."""
    rounds: int = 8
    seconds: float = 2.0
    """Of one server in one round."""
    clients: int = 8
    bare: int = 200
    """Tasks that the bare pipeline is given per round."""


QUICK = Effort(rows=300, rounds=2, seconds=0.5, clients=8, bare=30)


@dataclass(frozen=True)
class Way:
    """One way to ask: so many tasks a request, on new connections or on kept ones."""

    name: str
    tasks: int
    keep: bool


WAYS = (
    Way("1_task", 1, keep=False),
    Way("100_tasks", 100, keep=False),
    Way("1_task_kept_connection", 1, keep=True),
    Way("100_tasks_kept_connection", 100, keep=True),
)


def measure(
    dataset: Dataset, folder: Path, effort: Effort, *, environment: Path, say: Any
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and details; both servers are started for it and ended after it."""
    say(f"serving: fitting both pipelines on {effort.rows} texts of {dataset.name}")
    texts, labels = _rows(dataset, effort.rows)
    pipeline = label_studio_ml.fit(environment, folder, texts, labels)
    learner, ours = _our_place(dataset, folder, texts, labels)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ours.web())
        port = stack.enter_context(
            label_studio_ml.running(
                environment, folder, pipeline, project=STAMP, config=ours.config
            )
        )
        fresh = [row.text for row in dataset.test]
        mine = Target(ours.port, STAMP, ours.config, fresh, 1, credential=ours.credential)
        peer = replace(mine, port=port, credential="")
        rounds = {way.name: _rounds(way, mine, peer, effort, say) for way in WAYS}
        overhead = _overhead(mine, learner, effort, say)
        accuracy = {name: _accuracy(t, dataset) for name, t in (("ours", mine), ("peer", peer))}
    figures = [figure for way in WAYS for figure in _figures(way, *rounds[way.name])]
    details = {
        "dataset": dataset.name,
        "labels": len(texts),
        "clients": effort.clients,
        "rounds": effort.rounds,
        "peer": label_studio_ml.version(environment)
        | {"server": "Flask's own, in threads, as 'label-studio-ml start' starts it"},
        "accuracy": accuracy,
        **{name: _both(*pair) for name, pair in rounds.items()},
        "overhead": overhead,
    }
    return [*figures, _overhead_figure(overhead)], details


def _rows(dataset: Dataset, most: int) -> tuple[list[str], list[str]]:
    order = np.random.default_rng(0).permutation(len(dataset.train))[:most]
    rows = [dataset.train[i] for i in order]
    return [row.text for row in rows], [row.answer[0].label for row in rows]


def _our_place(
    dataset: Dataset, folder: Path, texts: Sequence[str], labels: Sequence[str]
) -> tuple[Learner, Ours]:
    """Our learner, fitted and serving in a state folder of its own."""
    ours = Ours(folder / "ours", servers.free_port(), "http://127.0.0.1:9", dataset.kind.labels)
    learner = corpus.fitted(ours.kind, texts, labels)
    prepare(ours, texts[:1], labels[:1], learner)
    return learner, ours


Pairs = tuple[list[Measured], list[Measured]]


def _rounds(way: Way, mine: Target, peer: Target, effort: Effort, say: Any) -> Pairs:
    """Ours and the peer in turn, who is first too, so that noise meets both alike."""
    targets = [replace(one, tasks=way.tasks) for one in (mine, peer)]
    streams = [one.requests(keep=way.keep) for one in targets]
    found: Pairs = ([], [])
    for number in range(-1, effort.rounds):
        say(f"serving: {way.name}, round {max(0, number + 1)} of {effort.rounds}")
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            measured = load.run(
                targets[side],
                streams[side],
                clients=effort.clients,
                seconds=effort.seconds / 2 if number < 0 else effort.seconds,
                keep=way.keep,
            )
            if number >= 0:  # the first round warms up
                found[side].append(measured)
    return found


def _figures(way: Way, ours: list[Measured], peer: list[Measured]) -> Iterator[Figure]:
    yield at_least(
        f"predict_{way.name}_throughput_ratio",
        **_ratio([m.per_second for m in ours], [m.per_second for m in peer]),
        goal=3.0 if way.tasks == 1 else 1.0,
        meaning="requests a second, ours over label-studio-ml's own server",
    )
    yield at_most(
        f"predict_{way.name}_p99_ratio",
        **_ratio([m.percentile(99) for m in ours], [m.percentile(99) for m in peer]),
        goal=0.5,
        meaning="99th percentile of the latency, ours over label-studio-ml's own server",
    )


def _ratio(ours: Sequence[float], peer: Sequence[float]) -> dict[str, Any]:
    return {
        **ratio_interval(ours, peer),
        "ours": float(np.median(ours)),
        "peer": float(np.median(peer)),
    }


def _both(ours: list[Measured], peer: list[Measured]) -> dict[str, Any]:
    return {"ours": load.together(ours).to_json(), "peer": load.together(peer).to_json()}


def _overhead(target: Target, learner: Learner, effort: Effort, say: Any) -> dict[str, Any]:
    """One client, one task: the server's median less that of its learner called by itself."""
    texts = (f"{text} {n:x}" for n in range(1 << 30) for text in target.texts)
    served, bare = [], []
    stream = target.requests(keep=False)
    for number in range(-1, effort.rounds):
        say(f"serving: overhead, round {max(0, number + 1)} of {effort.rounds}")
        measured = load.run(target, stream, clients=1, seconds=effort.seconds / 2, keep=False)
        alone = [_timed(learner, text) for text in islice(texts, effort.bare)]
        if number >= 0:
            served.append(measured.percentile(50))
            bare.append(float(np.median(alone)))
    differences = [a - b for a, b in zip(served, bare, strict=True)]
    return {
        "served_p50_ms": float(np.median(served)),
        "bare_p50_ms": float(np.median(bare)),
        **mean_interval(differences),
    }


def _timed(learner: Learner, text: str) -> float:
    begun = time.perf_counter()
    learner.predict([text])
    return (time.perf_counter() - begun) * 1000


def _overhead_figure(overhead: dict[str, Any]) -> Figure:
    return at_most(
        "predict_1_task_http_overhead_ms",
        goal=5.0,
        meaning="median of /predict for one task less the median of the learner called by itself",
        **overhead,
    )


def _accuracy(target: Target, dataset: Dataset) -> float:
    """Of the answers to up to 500 test texts: the pipelines should be equally good."""
    rows = dataset.test[:500]
    body = {
        "project": target.project,
        "label_config": target.config,
        "tasks": [{"id": n, "data": {target.field: row.text}} for n, row in enumerate(rows)],
    }
    headers = {"Authorization": f"Basic {target.credential}"} if target.credential else {}
    url = f"http://127.0.0.1:{target.port}/predict"
    results = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False).json()
    found = [one["result"][0]["value"]["choices"][0] if one else "" for one in results["results"]]
    return float(
        np.mean([row.answer[0].label == said for row, said in zip(rows, found, strict=True)])
    )
