"""Which task a person gets next: a good approximation of Label Studio's queue."""

from __future__ import annotations

from tests.fakes.label_studio.records import ProjectRow, TaskRow, UserRow
from tests.fakes.label_studio.store import Store


def next_task(store: Store, project: ProjectRow, user: UserRow) -> TaskRow | None:
    """The task ``user`` has open, else the first free one; it is then locked for them.

    With uncertainty sampling the lowest score of the current version comes
    first, and tasks without such a prediction come last.
    """
    open_tasks = [task for task in store.tasks_of(project.id) if _is_open(store, task, user)]
    mine = [task for task in open_tasks if store.locks.get(task.id) == user.id]
    free = [task for task in open_tasks if task.id not in store.locks]
    if project.fields["sampling"] == "Uncertainty sampling":
        free.sort(key=lambda task: _rank(store, project, task))
    chosen = next(iter(mine or free), None)
    if chosen is not None:
        store.locks[chosen.id] = user.id
    return chosen


def _is_open(store: Store, task: TaskRow, user: UserRow) -> bool:
    """Not finished, and not answered or skipped by this person before."""
    rows = store.annotations_of(task.id)
    submitted = sum(not row.was_cancelled for row in rows)
    return submitted < task.overlap and all(row.completed_by != user.id for row in rows)


def _rank(store: Store, project: ProjectRow, task: TaskRow) -> tuple[bool, float, int]:
    version = project.model_version
    scores = [
        -1.0 if row.score is None else row.score
        for row in store.predictions_of(task.id)
        if version and row.model_version == version
    ]
    return (not scores, min(scores, default=0.0), task.id)
