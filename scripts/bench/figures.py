"""A figure has a value and a goal; a report is figures, details, a file and a table."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from projects.kit.intervals import LEVEL


@dataclass(frozen=True)
class Figure:
    """One measured number beside what we want it to be."""

    name: str
    value: float | None
    """``None`` where it could not be measured; such a figure misses its goal."""
    goal: float
    at_most: bool
    """Whether smaller is better."""
    meaning: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        if self.value is None or not math.isfinite(self.value):
            return False
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def to_json(self) -> dict[str, Any]:
        value = self.value if self.value is None or math.isfinite(self.value) else None
        direction = "at most" if self.at_most else "at least"
        fixed = {"value": value, "goal": self.goal, "ok": self.ok, "direction": direction}
        return {**fixed, "meaning": self.meaning, **self.extra}


def at_most(name: str, value: float | None, goal: float, meaning: str, **extra: Any) -> Figure:
    """A figure that should not be larger than its goal."""
    return Figure(name, value, goal, at_most=True, meaning=meaning, extra=extra)


def at_least(name: str, value: float | None, goal: float, meaning: str, **extra: Any) -> Figure:
    """A figure that should not be smaller than its goal."""
    return Figure(name, value, goal, at_most=False, meaning=meaning, extra=extra)


@dataclass
class Report:
    """What one ``bench`` command found; every such command writes this shape."""

    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def add(self, figures: Sequence[Figure], name: str, details: Any) -> None:
        """Figures, and under ``name`` what they were made of."""
        self.figures += figures
        self.details[name] = details

    def to_json(self) -> dict[str, Any]:
        """``{"figures": {name: {"value", "goal", "ok", ...}}, "details": ...}``."""
        found = {figure.name: figure.to_json() for figure in self.figures}
        return {"figures": found, "details": {"machine": machine(), **self.details}}

    def write(self, path: Path) -> None:
        """The report as a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")

    def show(self, out: Console) -> None:
        """The report as a table."""
        table = Table(title="figures")
        for column in ("figure", "value", "95% interval", "goal", "met"):
            table.add_column(column, overflow="fold")
        for one in self.figures:
            sign = "at most" if one.at_most else "at least"
            low, high = one.extra.get("low"), one.extra.get("high")
            interval = "-" if low is None or high is None else f"{low:.3g} to {high:.3g}"
            value = "-" if one.value is None else f"{one.value:.3g}"
            mark = "[green]yes[/]" if one.ok else "[red]no[/]"
            table.add_row(one.name, value, interval, f"{sign} {one.goal:g}", mark)
        out.print(table)


def machine() -> dict[str, Any]:
    """Where and when the numbers were made; times mean little without it."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }


def mean_interval(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean of a few runs and its 95% interval by Student's t; no interval of one run."""
    n = len(values)
    if n == 0:
        return {"value": None, "low": None, "high": None, "n": 0}
    middle = float(np.mean(values))
    if n == 1:
        return {"value": middle, "low": None, "high": None, "n": 1}
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return {"value": middle, "low": middle - half, "high": middle + half, "n": n}


def ratio_interval(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float | int | None]:
    """Geometric mean of ``ours / theirs`` pair by pair, and its 95% interval.

    Each pair comes from the same round, so what slowed one down slowed down the other.
    """
    logs = [math.log(a / b) for a, b in zip(ours, theirs, strict=True)]
    found = mean_interval(logs)
    raised = {k: math.exp(min(v, 50.0)) for k, v in found.items() if k != "n" and v is not None}
    return {"value": None, "low": None, "high": None, **raised, "n": len(logs)}


def against_random(
    name: str, ours: Sequence[float], random: Sequence[float], *, goal: float, meaning: str
) -> Figure:
    """What ours takes over what random choice takes, seed by seed; smaller is better."""
    return at_most(
        name,
        goal=goal,
        meaning=meaning,
        **ratio_interval(ours, random),
        default=float(np.median(ours)),
        random=float(np.median(random)),
    )
