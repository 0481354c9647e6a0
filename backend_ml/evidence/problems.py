"""What is wrong with a project, in sentences for the engineer who looks after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend_ml.evidence.drift import Drift
from backend_ml.evidence.reliability import Reliability
from backend_ml.evidence.work import Waiting
from backend_ml.tables import MarkRow, ProjectRow

LATE_SECONDS = 60.0
"""An event that waits longer than this has nobody who handles it."""
MISCALIBRATED = 0.1
"""A calibration error that is surely above this misleads whoever reads the confidence."""


@dataclass(frozen=True)
class Problem:
    """One thing to look at."""

    level: str
    """``broken`` stops learning or serving, ``watch`` does not, ``note`` is a person's decision."""
    text: str


@dataclass(frozen=True)
class Facts:
    """What problems are told from."""

    project: ProjectRow | None
    mark: MarkRow | None
    waiting: Waiting
    failed_events: Mapping[str, int]
    reliability: Reliability
    drifts: Sequence[Drift]


def problems(facts: Facts) -> list[Problem]:
    """All that is wrong, the worst first."""
    found = [*_project(facts.project), *_work(facts), *_quality(facts)]
    order = ("broken", "watch", "note")
    return sorted(found, key=lambda problem: order.index(problem.level))


def _project(row: ProjectRow | None) -> Iterator[Problem]:
    if row is None:
        return
    if row.gone:
        yield Problem("broken", "The project is no longer in Label Studio.")
    if row.config_problem:
        why = row.config_problem
        yield Problem("broken", f"The labelling config does not fit the kind: {why}")
    if row.pinned:
        yield Problem("note", "The serving version is pinned: no other takes over by itself.")
    if row.rolled_back_at is not None:
        when = row.rolled_back_at.strftime("%Y-%m-%d %H:%M")
        yield Problem("watch", f"Live accuracy fell, and an older version took over ({when} UTC).")


def _work(facts: Facts) -> Iterator[Problem]:
    for error, count in sorted(facts.failed_events.items()):
        what = f"{count} webhook event(s) failed too often and wait for a person: {error}."
        yield Problem("broken", f"{what} The worker's log names them (event.failed).")
    age = facts.waiting.oldest_event_seconds
    if age is not None and age > LATE_SECONDS:
        yield Problem("broken", f"An event has waited {age:.0f} s. Is the worker running?")
    if facts.mark is not None and facts.mark.last_error:
        what = f"Training or publishing failed {facts.mark.failures} time(s); it is tried again."
        yield Problem("watch", f"{what} The last error: {facts.mark.last_error}")


def _quality(facts: Facts) -> Iterator[Problem]:
    error = facts.reliability.error
    if error is not None and error.low > MISCALIBRATED:
        yield Problem(
            "watch",
            f"Confidence misleads: it is off by {error.value:.2f} on average "
            f"[{error.low:.2f}, {error.high:.2f}].",
        )
    for drift in facts.drifts:
        if drift.drifted:
            yield Problem(
                "watch",
                f"Drift: the {drift.what} of the newest {drift.recent} differ from the "
                f"{drift.before} before ({drift.distance:.2f}, limit {drift.limit:.2f}).",
            )
