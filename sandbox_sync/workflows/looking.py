"""What changed in a project of Label Studio since a moment, each task written out for us once.

A look reaches back behind the newest change that was seen, for one that was committed
late. Label Studio takes 5 to 8 ms to write one task out, as long as it takes for thirty
of them to say only when they changed: so what is known already is not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from projects.kit.batches import batched
from projects.kit.label_studio import LabelStudioReader
from projects.vocabulary import Task

OVERLAP = timedelta(seconds=60)
"""How far each look reaches back behind the newest change that was seen."""
ANSWERS_OVERLAP = timedelta(seconds=5)
"""The same of a look for which somebody waits; what it misses the next whole look finds."""
AT_ONCE = 100
"""Tasks that are read before they are recorded, and the most that a request names."""


@dataclass(frozen=True)
class State:
    """A task as it was recorded."""

    changed_at: datetime
    is_answered: bool


@dataclass
class Seen:
    """The tasks that this process has recorded lately, by project."""

    _states: dict[int, dict[int, State]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    """Several threads look at one project."""

    def of(self, project_id: int, *, since: datetime) -> dict[int, State]:
        """Those that had changed after this moment."""
        with self._lock:
            return self._after(project_id, since)

    def note(self, tasks: Iterable[Task]) -> None:
        """Remember these, which are recorded."""
        with self._lock:
            for task in tasks:
                state = State(task.updated_at, bool(task.annotations))
                self._states.setdefault(task.project_id, {})[task.id] = state

    def forget(self, project_id: int, *, before: datetime) -> None:
        """No look will reach back further than this."""
        with self._lock:
            self._states[project_id] = self._after(project_id, before)

    def _after(self, project_id: int, moment: datetime) -> dict[int, State]:
        known = self._states.get(project_id, {})
        return {number: state for number, state in known.items() if state.changed_at > moment}


def everything(client: LabelStudioReader, project_id: int) -> Iterator[list[Task]]:
    """All tasks of a project, some at a time."""
    return batched(client.tasks(project_id), AT_ONCE)


def changes(
    client: LabelStudioReader, seen: Seen, project_id: int, *, until: datetime | None
) -> Iterator[list[Task]]:
    """What changed since the newest change that was seen, some tasks at a time."""
    if until is None:
        yield from everything(client, project_id)
        return
    since = until - OVERLAP
    seen.forget(project_id, before=since)
    yield from _changed(client, seen, project_id, since)


def answers(
    client: LabelStudioReader, seen: Seen, project_id: int, *, until: datetime | None
) -> Iterator[list[Task]]:
    """The same for whoever was told of an answer: as a rule it is the first one of its task.

    One request instead of two, and a second look where there is no such task.
    """
    if until is None:
        yield from everything(client, project_id)
        return
    since = until - ANSWERS_OVERLAP
    recent = seen.of(project_id, since=since)
    answered = [number for number, state in recent.items() if state.is_answered]
    if len(answered) <= AT_ONCE:
        tasks = client.tasks(project_id, updated_after=since, besides=answered)
        new = [task for task in tasks if _is_new(recent, task.id, task.updated_at)]
        if new or not answered:
            yield new
            return
    yield from _changed(client, seen, project_id, since)


def _changed(
    client: LabelStudioReader, seen: Seen, project_id: int, since: datetime
) -> Iterator[list[Task]]:
    known = seen.of(project_id, since=since)
    moments = client.touched(project_id, since=since)
    new = (number for number, moment in moments.items() if _is_new(known, number, moment))
    for numbers in batched(new, AT_ONCE):
        yield list(client.tasks(project_id, among=numbers))


def _is_new(known: Mapping[int, State], number: int, changed_at: datetime) -> bool:
    return number not in known or known[number].changed_at != changed_at
