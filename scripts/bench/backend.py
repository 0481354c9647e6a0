"""``understudy bench backend``: which parts are measured, on which data, how thoroughly."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from projects.kit.errors import BadInput, UnknownName
from scripts.bench import cost, datasets, interference, label_efficiency, serving
from scripts.bench.datasets import Dataset
from scripts.bench.figures import Report

PARTS = ("serving", "interference", "cost", "label-efficiency")


@dataclass(frozen=True)
class Plan:
    """What to measure and how thoroughly."""

    parts: tuple[str, ...]
    tasks: tuple[str, ...]
    labels: label_efficiency.Effort
    serving: serving.Effort
    interference: interference.Effort
    cost: cost.Effort


def plan(
    *,
    quick: bool,
    seeds: int | None,
    only: Sequence[str],
    tasks: Sequence[str],
    strategies: Sequence[str],
    processes: int | None,
    minutes: float | None = None,
    most_labels: int | None = None,
) -> Plan:
    """The plan that options ask for.

    Raises
    ------
    UnknownName
        When ``only`` names no part.
    """
    for name in only:
        if name not in PARTS:
            raise UnknownName(name, PARTS)
    labels = label_efficiency.QUICK if quick else label_efficiency.Effort()
    labels = replace(
        labels,
        seeds=seeds or labels.seeds,
        strategies=tuple(strategies) or labels.strategies,
        processes=processes or os.cpu_count() or 1,
        minutes=math.inf if minutes is None else minutes,
        most_labels=most_labels,
    )
    return Plan(
        parts=tuple(part for part in PARTS if not only or part in only),
        tasks=tuple(tasks),
        labels=labels,
        serving=serving.QUICK if quick else serving.Effort(),
        interference=interference.QUICK if quick else interference.Effort(),
        cost=cost.QUICK if quick else cost.Effort(),
    )


def run(
    data: Path,
    plan: Plan,
    *,
    seed: int,
    embedding: str,
    peer: Path,
    say: Callable[[str], None],
) -> Report:
    """Measure what the plan asks for; the long part comes last."""
    found = datasets.read(data, seed=seed)
    report = Report()
    skipped = dict(found.skipped)
    choices = [one for one in found.datasets if one.kind.form == "choice"]
    for part in plan.parts:
        if part == "label-efficiency":
            wanted = _wanted(found.datasets, plan.tasks)
            result = label_efficiency.measure(
                wanted, data, plan.labels, seed=seed, embedding=embedding, say=say
            )
        elif not choices:
            skipped[part] = "no folder has texts with one label each"
            continue
        else:
            largest = max(choices, key=lambda one: len(one.train))
            with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
                folder = Path(name)
                if part == "serving":
                    result = serving.measure(
                        largest, folder, plan.serving, environment=peer, say=say
                    )
                elif part == "interference":
                    result = interference.measure(largest, folder, plan.interference, say=say)
                else:
                    result = cost.measure(largest, folder, plan.cost, say=say)
        report.add(*result[:1], part, result[1])
    report.details["skipped"] = skipped
    report.details["seed"] = seed
    return report


def _wanted(found: Sequence[Dataset], tasks: Sequence[str]) -> list[Dataset]:
    known = {one.name: one for one in found}
    for name in tasks:
        if name not in known:
            raise BadInput(
                f"there is no {name!r} in the data; there is {', '.join(known)}", "tasks"
            )
    return [one for one in found if not tasks or one.name in tasks]
