"""The label store: accepted labels, mirrored once, the same in whatever order we hear of them.

Of each annotation the newest state is kept, and a deletion is for ever, unless
Label Studio itself shows the task when it is asked. The label of a task follows
from its annotations alone, so events may come late, twice, or in any order.

Where several people answer a task, its label is the adjudicated truth if there is
one, else the answer that most of them gave last; between answers with as many
votes, the newest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import suggestions
from backend_ml.tables import AnnotationRow, AssignmentRow, Base, LabelRow, MarkRow, TaskRow
from projects.kinds.base import Kind
from projects.vocabulary import Annotation, Answer, Task, answer_from_json, answer_to_json

Row = TypeVar("Row", bound=Base)

UNPUBLISHED = "unpublished"
"""The arm of tasks that were labelled without having been published."""


@dataclass(frozen=True, slots=True)
class Label:
    """An accepted answer, as training sees it."""

    task_id: int
    text: str
    answer: Answer


class LabelStore:
    """The labels of one project, inside the caller's transaction.

    With ``reread``, a state that is known already is read again: after a change of the
    labelling config it may say more.
    """

    def __init__(
        self,
        session: Session,
        project_id: int,
        kind: Kind,
        *,
        now: datetime,
        reread: bool = False,
    ) -> None:
        self._session = session
        self._project = project_id
        self._kind = kind
        self._now = now
        self._reread = reread
        self._kept: list[Base] = []

    def see_tasks(self, tasks: Iterable[tuple[int, str]]) -> None:
        """Keep the text of each (task id, text)."""
        for task_id, text in tasks:
            row = self._get(TaskRow, (self._project, task_id))
            if row is None:
                row = TaskRow(
                    project_id=self._project, task_id=task_id, text=text, seen_at=self._now
                )
                self._add(row)
            elif row.text != text:
                row.text = text
        self._session.flush()

    def see_annotation(self, annotation: Annotation, *, unaided: bool = False) -> None:
        """Keep an annotation if it is newer than what we have.

        ``unaided`` is for who knows that nothing was shown; an annotation without a
        prediction alone does not tell.
        """
        row = self._get(AnnotationRow, annotation.id)
        if row is None:
            row = AnnotationRow(annotation_id=annotation.id, project_id=self._project)
            self._add(row)
        self._keep_newest(row, annotation)
        self._keep_shown(row, annotation, unaided=unaided)
        self._session.flush()
        self._settle(annotation.task_id)

    def forget_annotations(self, annotation_ids: Iterable[int]) -> None:
        """Remember that these are gone, whether we knew them or not."""
        for annotation_id in annotation_ids:
            row = self._get(AnnotationRow, annotation_id)
            if row is None:
                row = AnnotationRow(annotation_id=annotation_id, project_id=self._project)
                self._add(row)
            row.deleted = True
            self._session.flush()
            if row.task_id is not None:
                self._settle(row.task_id)

    def forget_tasks(self, task_ids: Iterable[int]) -> None:
        """Remember that these are gone, whether we knew them or not."""
        for task_id in task_ids:
            row = self._get(TaskRow, (self._project, task_id))
            if row is None:
                row = TaskRow(project_id=self._project, task_id=task_id, text="", seen_at=self._now)
                self._add(row)
            row.deleted = True
            self._session.flush()
            self._settle(task_id)

    def compare(self, task: Task) -> None:
        """Bring one task to the state in which Label Studio showed it.

        An annotation that Label Studio no longer shows is gone, unless it is newer
        than what was shown: each change of an annotation moves its task's moment.
        A task that it shows is there, whatever we took it for.
        """
        self.see_tasks([(task.id, self._kind.text(task.data))])
        row = self._session.get_one(TaskRow, (self._project, task.id))
        row.deleted, row.touched_at = False, task.updated_at
        for annotation in task.annotations:
            self.see_annotation(annotation)
        shown = {int(annotation.id) for annotation in task.annotations}
        ours = self._session.scalars(self._annotations(task.id)).all()
        self.forget_annotations(
            row.annotation_id
            for row in ours
            if row.annotation_id not in shown
            and row.updated_at is not None
            and row.updated_at <= task.updated_at
        )

    def _keep_newest(self, row: AnnotationRow, annotation: Annotation) -> None:
        if row.updated_at is not None and (
            annotation.updated_at < row.updated_at
            or (annotation.updated_at == row.updated_at and not self._reread)
        ):
            return
        text = self._text(annotation.task_id)
        answer = self._kind.read(annotation.regions, {self._kind.field: text})
        row.task_id = annotation.task_id
        row.created_at = annotation.created_at
        row.updated_at = annotation.updated_at
        row.completed_by = annotation.completed_by
        row.lead_time_seconds = annotation.lead_time_seconds
        row.ground_truth = annotation.ground_truth
        row.answer = answer_to_json(answer)
        row.skipped = annotation.was_cancelled
        row.usable = not annotation.was_cancelled and self._kind.is_answer(answer)

    def _keep_shown(self, row: AnnotationRow, annotation: Annotation, *, unaided: bool) -> None:
        shown = annotation.prediction
        first = row.shown_as_of is None or annotation.updated_at < row.shown_as_of
        if not first or (shown is None and not unaided):
            return
        row.shown_as_of, row.shown = annotation.updated_at, {}
        if shown is not None:
            data = {self._kind.field: self._text(annotation.task_id)}
            row.shown = {
                "version": shown.model_version,
                "confidence": shown.confidence,
                "answer": answer_to_json(self._kind.read(shown.regions, data)),
            }

    def _settle(self, task_id: int) -> None:
        """Make the label of a task what its annotations say now."""
        label = self._get(LabelRow, (self._project, task_id))
        chosen = self._chosen(task_id)
        if chosen is None:
            if label is not None:
                self._session.delete(label)
                self._mark_change()
            return
        values = self._label_values(chosen)
        if label is None:
            label = LabelRow(project_id=self._project, task_id=task_id, **values)
            self._add(label)
            self._mark_change()
        else:
            changed = label.answer != values["answer"]
            for name, value in values.items():
                setattr(label, name, value)
            if changed:
                self._mark_change()
        self._session.flush()

    def _chosen(self, task_id: int) -> AnnotationRow | None:
        """The annotation that counts: adjudicated truth first, then the answer of most."""
        task = self._get(TaskRow, (self._project, task_id))
        if task is None or task.deleted:
            return None
        rows = [
            row
            for row in self._session.scalars(self._annotations(task_id))
            if row.usable and not row.deleted and row.updated_at is not None
        ]
        return _gold(rows) or _of_most(rows)

    def _label_values(self, row: AnnotationRow) -> dict[str, Any]:
        told = isinstance(row.shown, Mapping)
        suggestion = suggestions.met(self._session, row, self._kind)
        answer = answer_from_json(row.answer)
        arm = self._get(AssignmentRow, (self._project, row.task_id))
        return {
            "annotation_id": row.annotation_id,
            "answer": row.answer,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "completed_by": row.completed_by,
            "lead_time_seconds": row.lead_time_seconds,
            "ground_truth": row.ground_truth,
            "arm": UNPUBLISHED if arm is None else arm.arm,
            "suggested_version": suggestion.get("version"),
            "suggested_confidence": suggestion.get("confidence"),
            "suggested_answer": suggestion.get("answer"),
            "outcome": _outcome(answer, suggestion.get("answer")),
            "suggestion_estimated": not told and "answer" in suggestion,
        }

    def _mark_change(self) -> None:
        mark = self._get(MarkRow, self._project)
        if mark is None:
            mark = MarkRow(project_id=self._project, wanted=0, trained=0)
            self._add(mark)
        if mark.wanted == mark.trained or mark.first_change_at is None:
            mark.first_change_at = self._now
        mark.wanted += 1
        mark.last_change_at = self._now
        self._session.flush()

    def _get(self, form: type[Row], key: object) -> Row | None:
        """Read once: a session forgets a row that nobody keeps."""
        row = self._session.get(form, key)
        if row is not None:
            self._kept.append(row)
        return row

    def _add(self, row: Base) -> None:
        self._session.add(row)
        self._kept.append(row)

    def _text(self, task_id: int) -> str:
        task = self._get(TaskRow, (self._project, task_id))
        return "" if task is None else task.text

    def _annotations(self, task_id: int) -> sa.Select[AnnotationRow]:
        return sa.select(AnnotationRow).where(
            AnnotationRow.project_id == self._project, AnnotationRow.task_id == task_id
        )


def accepted(session: Session, project_id: int, kind: Kind) -> list[Label]:
    """Every label of a project that its config still offers, in the order of task ids."""
    query = (
        sa.select(LabelRow.task_id, TaskRow.text, sa.cast(LabelRow.answer, sa.Text))
        .join_from(
            LabelRow,
            TaskRow,
            (TaskRow.project_id == LabelRow.project_id) & (TaskRow.task_id == LabelRow.task_id),
        )
        .where(LabelRow.project_id == project_id)
        .order_by(LabelRow.task_id)
    )
    answers: dict[str, Answer | None] = {}  # many labels have the same one, which is read once
    found: list[Label] = []
    for task_id, text, written in session.connection().execute(query):
        if written not in answers:
            answer = answer_from_json(json.loads(written))
            answers[written] = answer if kind.offers(answer) else None
        known = answers[written]
        if known is not None:
            found.append(Label(task_id, text, known))
    return found


def _gold(rows: Sequence[AnnotationRow]) -> AnnotationRow | None:
    """The newest adjudicated truth."""
    return max((row for row in rows if row.ground_truth), key=_age, default=None)


def _of_most(rows: Sequence[AnnotationRow]) -> AnnotationRow | None:
    """The newest annotation with the answer that most people gave last; ties to the newest."""
    votes: dict[tuple[bool, int], AnnotationRow] = {}
    for row in sorted(rows, key=_age):
        known = row.completed_by is not None
        votes[known, row.completed_by if row.completed_by is not None else row.annotation_id] = row
    counts = Counter(answer_from_json(row.answer) for row in votes.values())
    return max(
        votes.values(),
        key=lambda row: (counts[answer_from_json(row.answer)], *_age(row)),
        default=None,
    )


def _age(row: AnnotationRow) -> tuple[datetime, int]:
    """Larger is newer."""
    return row.updated_at or datetime.min.replace(tzinfo=UTC), row.annotation_id


def _outcome(answer: Answer, suggested: Sequence[Mapping[str, Any]] | None) -> str:
    """``accepted`` or ``corrected``; ``unaided`` where nothing was suggested."""
    if suggested is None:
        return "unaided"
    return "accepted" if answer_from_json(suggested) == answer else "corrected"
