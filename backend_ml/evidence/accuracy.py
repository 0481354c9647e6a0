"""Suggestions against the answers they met, by arm: how good the model is live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import training, waiting
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import AssignmentRow, LabelRow
from projects.kinds.base import Kind
from projects.kit import intervals
from projects.kit.intervals import Estimate
from projects.vocabulary import answer_from_json

BUCKET = 25
"""Labels per point of the course of accuracy."""
RANDOM_POINT = 15
"""Answers per point of the random arm: a tenth of the labels, so buckets hold too few."""


@dataclass(frozen=True)
class Live:
    """What the arms say, each suggestion measured before any model had learned the answer.

    Label Studio serves the lowest confidence first, so the random tasks answered
    so far are the hard ones of their draw. The random arm is therefore told from
    whole draws: a draw counts once none of its tasks is open, all of it in the
    bucket of its last answer.
    """

    rows: Sequence[LabelRow]
    """In the order in which they were answered."""
    agreements: Mapping[int, float]
    """By task, where something was shown."""
    draws: list[dict[str, Any]]
    """How far each random draw has come."""
    completed: Mapping[int, Sequence[int]]
    """The tasks of each completed random draw, by the position of the last answer."""

    def estimate(self, task_ids: Iterable[int]) -> Estimate | None:
        """The mean agreement over those tasks that were shown a suggestion."""
        return intervals.mean([self.agreements[i] for i in task_ids if i in self.agreements])

    def of_arm(self, arm: str, first: int = 0, end: int | None = None) -> Estimate | None:
        """One arm, between two positions among the labels."""
        end = len(self.rows) if end is None else end
        if arm == RANDOM:
            return self.estimate(
                i for place, ids in self.completed.items() if first <= place < end for i in ids
            )
        return self.estimate(row.task_id for row in self.rows[first:end] if row.arm == arm)

    def random_course(self, least: int = RANDOM_POINT) -> list[dict[str, Any]]:
        """The random arm over time: whole draws together until there are ``least`` answers."""
        points, gathered = [], list[int]()
        for place, ids in sorted(self.completed.items()):
            gathered += [i for i in ids if i in self.agreements]
            if len(gathered) >= least:
                points.append({"labels": place + 1} | {RANDOM: _plain(self.estimate(gathered))})
                gathered = []
        return points

    def course(self, bucket: int = BUCKET) -> list[dict[str, Any]]:
        """Both arms and all labels together, by the number of labels at the time."""
        return [
            {
                "from_labels": first,
                "to_labels": first + bucket,
                ACTIVE: _plain(self.of_arm(ACTIVE, first, first + bucket)),
                RANDOM: _plain(self.of_arm(RANDOM, first, first + bucket)),
                "all": _plain(self.estimate(r.task_id for r in self.rows[first : first + bucket])),
            }
            for first in range(0, len(self.rows), bucket)
        ]


def live(session: Session, project_id: int, kind: Kind, rows: Sequence[LabelRow]) -> Live:
    """The live accuracy of a project; ``rows`` are its labels in the order of their answers."""
    epochs = _random_epochs(session, project_id)
    draws = _random_draws(session, project_id, epochs, {row.task_id for row in rows})
    return Live(rows, agreements(rows, kind), draws, _completed(rows, epochs, draws))


def was_shown(row: LabelRow) -> bool:
    """Whether Label Studio told that a suggestion was shown.

    Adjudicated truth is left out: nobody was shown a suggestion. So is a suggestion
    that we only take to have been shown, because no webhook told.
    """
    return (
        row.suggested_answer is not None and not row.suggestion_estimated and not row.ground_truth
    )


def agreements(rows: Iterable[LabelRow], kind: Kind) -> dict[int, float]:
    """Agreement of what was shown with the answer, in [0, 1], by task."""
    metric = training.metric_of(kind)
    return {
        row.task_id: training.closeness(
            metric, answer_from_json(row.answer), answer_from_json(row.suggested_answer or [])
        )
        for row in rows
        if was_shown(row)
    }


def _plain(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _random_epochs(session: Session, project_id: int) -> dict[int, int]:
    """The epoch in which each task of the random arm was drawn."""
    query = sa.select(AssignmentRow.task_id, AssignmentRow.epoch).where(
        AssignmentRow.project_id == project_id, AssignmentRow.arm == RANDOM
    )
    return {task_id: epoch for task_id, epoch in session.execute(query)}


def _random_draws(
    session: Session, project_id: int, epochs: Mapping[int, int], labelled: set[int]
) -> list[dict[str, Any]]:
    """How far each random draw has come; it is complete when none of its tasks is open."""
    still_open = {task_id for task_id, _ in waiting.open_tasks(session, project_id)}
    tasks: dict[int, set[int]] = {}
    for task_id, epoch in epochs.items():
        tasks.setdefault(epoch, set()).add(task_id)
    return [
        {
            "epoch": epoch,
            "drawn": len(drawn),
            "answered": len(drawn & labelled),
            "complete": not drawn & still_open,
        }
        for epoch, drawn in sorted(tasks.items())
    ]


def _completed(
    rows: Sequence[LabelRow], epochs: Mapping[int, int], draws: Sequence[Mapping[str, Any]]
) -> dict[int, list[int]]:
    """The answered tasks of each completed random draw, by the position of the last of them."""
    whole = {draw["epoch"] for draw in draws if draw["complete"]}
    tasks: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for place, row in enumerate(rows):
        epoch = epochs.get(row.task_id)
        if row.arm == RANDOM and epoch is not None and epoch in whole:
            tasks.setdefault(epoch, []).append(row.task_id)
            last[epoch] = place
    return {last[epoch]: ids for epoch, ids in tasks.items()}
