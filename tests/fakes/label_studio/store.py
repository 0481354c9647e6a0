"""What the fake keeps, and the rules by which Label Studio changes it.

No HTTP here: :mod:`tests.fakes.label_studio.routes` reads requests and calls this.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from xml.etree import ElementTree

from tests.fakes.label_studio.configs import (
    controls_of,
    errors_of_predictions,
    interface_of,
    required_fields,
)
from tests.fakes.label_studio.records import (
    PROJECT_DEFAULTS,
    AnnotationRow,
    BackendRow,
    Json,
    PredictionRow,
    ProjectRow,
    TaskRow,
    UserRow,
    ViewRow,
    WebhookRow,
    stamp,
)

T = TypeVar("T")


class Refusal(Exception):
    """The fake says no, with a status and Label Studio's kind of error body."""

    def __init__(self, status: int, detail: str, errors: Json | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.errors = errors


@dataclass(frozen=True)
class Sent:
    """One webhook call as it left the fake."""

    url: str
    headers: dict[str, str]
    body: Json


def invalid(message: str, field: str = "non_field_errors") -> Refusal:
    return Refusal(400, "Validation error", {field: [message]})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Users, projects, tasks, predictions, annotations and webhooks of one instance."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self.users: dict[int, UserRow] = {}
        self.projects: dict[int, ProjectRow] = {}
        self.tasks: dict[int, TaskRow] = {}
        self.predictions: dict[int, PredictionRow] = {}
        self.annotations: dict[int, AnnotationRow] = {}
        self.webhooks: dict[int, WebhookRow] = {}
        self.views: dict[int, ViewRow] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        """Uploads by their path, with their content type."""
        self.backends: dict[int, BackendRow] = {}
        self.drafts: dict[int, tuple[int, int]] = {}
        """Task and user by the id of a draft."""
        self.locks: dict[int, int] = {}
        """Task id to the user who has it open."""
        self.outbox: list[Sent] = []
        self.is_busy = False
        """Its database is locked: an import is begun again, without the predictions in it."""
        self.checks_imports = False
        """Its feature flag that has the predictions of an import validated; off in 1.23.2."""
        self._clock = clock or _utc_now
        self._last = datetime.min.replace(tzinfo=UTC)
        self._ids = itertools.count(1)

    def new_id(self) -> int:
        return next(self._ids)

    def now(self) -> datetime:
        """A moment later than every moment given before."""
        self._last = max(self._clock(), self._last + timedelta(microseconds=1))
        return self._last

    # Looking

    def project(self, number: int) -> ProjectRow:
        return _found(self.projects.get(number), "Project")

    def task(self, number: int) -> TaskRow:
        return _found(self.tasks.get(number), "Task")

    def annotation(self, number: int) -> AnnotationRow:
        return _found(self.annotations.get(number), "Annotation")

    def prediction(self, number: int) -> PredictionRow:
        return _found(self.predictions.get(number), "Prediction")

    def view(self, number: int) -> ViewRow:
        return _found(self.views.get(number), "View")

    def webhook(self, number: int) -> WebhookRow:
        return _found(self.webhooks.get(number), "Webhook")

    def tasks_of(self, project: int) -> list[TaskRow]:
        return [row for row in self.tasks.values() if row.project == project]

    def annotations_of(self, task: int) -> list[AnnotationRow]:
        return [row for row in self.annotations.values() if row.task == task]

    def predictions_of(self, task: int) -> list[PredictionRow]:
        return [row for row in self.predictions.values() if row.task == task]

    def backends_of(self, project: int) -> list[BackendRow]:
        return [row for row in self.backends.values() if row.project == project]

    # Changing

    def create_project(self, fields: Json, owner: UserRow) -> ProjectRow:
        _check_project_fields(fields)
        if len(str(fields.get("title", ""))) < 3:
            raise invalid("Ensure this field has at least 3 characters.", "title")
        known = {key: value for key, value in fields.items() if key in PROJECT_DEFAULTS}
        row = ProjectRow(self.new_id(), owner, self.now(), PROJECT_DEFAULTS | known)
        self.projects[row.id] = row
        return row

    def update_project(self, project: ProjectRow, fields: Json) -> None:
        _check_project_fields(fields)
        if "label_config" in fields:
            self._check_answers_fit(project, str(fields["label_config"]))
        if "model_version" in fields:
            self._check_model_version(project, str(fields["model_version"] or ""))
        known = {key: value for key, value in fields.items() if key in PROJECT_DEFAULTS}
        project.fields |= known
        self.emit(project.id, "PROJECT_UPDATED", {})

    def delete_project(self, project: ProjectRow) -> None:
        for row in self.tasks_of(project.id):
            self._drop_task(row)
        for hook in [h for h in self.webhooks.values() if h.project == project.id]:
            del self.webhooks[hook.id]
        del self.projects[project.id]

    def import_tasks(self, project: ProjectRow, rows: list[Json]) -> tuple[list[TaskRow], int]:
        """All of them or none; the tasks, and how many predictions came with them."""
        if not rows:
            raise invalid("load_tasks: No tasks added")
        errors = errors_of_predictions(project.label_config, rows) if self.checks_imports else []
        if errors:
            said = f"Prediction validation failed ({len(errors)} errors):"
            raise invalid("\n".join([said, *errors]), "predictions")
        for index, row in enumerate(rows):
            data = row.get("data", row)
            for name in required_fields(project.label_config):
                if name not in data:
                    raise invalid(f'Error at item {index}: "{name}" key is expected in task data')
        first = max((row.inner_id for row in self.tasks_of(project.id)), default=0) + 1
        created = [self._add_task(project, row, first + i) for i, row in enumerate(rows)]
        brought = [
            self.add_prediction(project, prediction | {"task": task.id})
            for task, row in zip(created, rows, strict=True)
            for prediction in self._kept(row)
        ]
        if brought and not project.model_version:
            project.fields["model_version"] = brought[-1].model_version
        self.emit(project.id, "TASKS_CREATED", {"tasks": [self.task_event(r) for r in created]})
        return created, len(brought)

    def _kept(self, row: Json) -> list[Json]:
        return [] if self.is_busy else list(row.get("predictions") or ())

    def delete_task(self, task: TaskRow) -> None:
        self._drop_task(task)
        self.emit(task.project, "TASKS_DELETED", {"tasks": [{"id": task.id}]})

    def import_predictions(self, project: ProjectRow, rows: list[Json]) -> int:
        """Store the valid ones and say nothing of the others; returns how many were stored."""
        for row in rows:
            task = self.tasks.get(row.get("task") or 0)
            if task is None or task.project != project.id:
                raise invalid(f'{row} contains invalid "task" field')
        interface = interface_of(project.label_config)
        stored = 0
        for row in rows:
            if interface.validate_prediction(row, return_errors=True):
                continue
            self.add_prediction(project, row)
            stored += 1
        return stored

    def add_prediction(self, project: ProjectRow, row: Json) -> PredictionRow:
        prediction = PredictionRow(
            id=self.new_id(),
            task=row["task"],
            project=project.id,
            result=list(row.get("result") or ()),
            score=row.get("score"),
            model_version=str(row.get("model_version") or "undefined"),
            created_at=self.now(),
        )
        self.predictions[prediction.id] = prediction
        return prediction

    def delete_prediction(self, row: PredictionRow) -> None:
        """This touches its task; adding one does not."""
        del self.predictions[row.id]
        self._touch(self.task(row.task))

    def create_annotation(self, task: TaskRow, body: Json, user: UserRow) -> AnnotationRow:
        if not isinstance(body.get("result") or [], list):
            raise Refusal(500, 'annotation "result" can\'t be parse from str to JSON')
        moment = self.now()
        row = AnnotationRow(
            id=self.new_id(),
            task=task.id,
            project=task.project,
            result=list(body.get("result") or ()),
            completed_by=int(body.get("completed_by") or user.id),
            created_at=moment,
            updated_at=moment,
            was_cancelled=bool(body.get("was_cancelled")),
            ground_truth=bool(body.get("ground_truth")),
            lead_time=body.get("lead_time"),
            parent_prediction=body.get("parent_prediction"),
            parent_annotation=body.get("parent_annotation"),
            shown=self._shown(task),
            updated_by=user.id,
        )
        self.annotations[row.id] = row
        self.drafts.pop(body.get("draft_id") or 0, None)
        self.locks.pop(task.id, None)
        self._touch(task)
        self._tell(row, "ANNOTATION_CREATED")
        return row

    def update_annotation(self, row: AnnotationRow, body: Json, user: UserRow) -> None:
        """Whoever changes it, or sets its star, becomes its ``updated_by``."""
        row.updated_by = user.id
        for name in ("result", "was_cancelled", "ground_truth", "lead_time"):
            if name in body:
                setattr(row, name, body[name])
        row.updated_at = self.now()
        self._touch(self.task(row.task))
        self._tell(row, "ANNOTATION_UPDATED")

    def delete_annotation(self, row: AnnotationRow) -> None:
        del self.annotations[row.id]
        self._touch(self.task(row.task))
        self.emit(row.project, "ANNOTATIONS_DELETED", {"annotations": [{"id": row.id}]})

    # Events

    def emit(self, project: int, action: str, payload: Json) -> None:
        """Put the event in the outbox, once for every webhook that wants it."""
        for hook in self.webhooks.values():
            if hook.project != project or not hook.wants(action):
                continue
            body: Json = {"action": action}
            if hook.send_payload:
                body |= payload | {"project": self.project_event(self.projects[project])}
            self.outbox.append(Sent(hook.url, dict(hook.headers), body))

    def task_json(self, task: TaskRow) -> Json:
        """The fields that every form of a task has."""
        annotations = self.annotations_of(task.id)
        submitted = sum(not a.was_cancelled for a in annotations)
        return task.json(
            submitted=submitted,
            skipped=len(annotations) - submitted,
            predictions=len(self.predictions_of(task.id)),
        )

    def task_event(self, task: TaskRow) -> Json:
        """A task as webhooks carry it."""
        return self.task_json(task) | {
            "allow_skip": True,
            "precomputed_agreement": None,
            "updated_by": None,
        }

    def project_event(self, project: ProjectRow) -> Json:
        """A project as webhooks carry it."""
        return project.fields | {
            "id": project.id,
            "created_at": stamp(project.created_at),
            "created_by": project.owner.id,
            "organization": 1,
            "task_number": len(self.tasks_of(project.id)),
        }

    def _tell(self, row: AnnotationRow, action: str) -> None:
        task = self.task(row.task)
        self.emit(row.project, action, {"annotation": row.event(), "task": self.task_event(task)})

    def _shown(self, task: TaskRow) -> Json:
        version = self.project(task.project).model_version
        rows = [p for p in self.predictions_of(task.id) if version and p.model_version == version]
        return rows[-1].json() if rows else {}

    def _check_answers_fit(self, project: ProjectRow, label_config: str) -> None:
        """A control that was answered with has to stay; one of its labels may go."""
        controls = controls_of(label_config)
        answered = Counter(
            (region.get("from_name"), region.get("to_name"), region.get("type"))
            for row in self.annotations.values()
            if row.project == project.id
            for region in row.result
        )
        lost = [
            f"{count} with from_name={control}, to_name={target}, type={form}"
            for (control, target, form), count in answered.items()
            if control and controls.get(control) != (target, form)
        ]
        if lost:
            said = "Created annotations are incompatible with provided labeling schema, we found:"
            raise invalid("\n".join([said, *lost]), "label_config")

    def _check_model_version(self, project: ProjectRow, wanted: str) -> None:
        versions = {p.model_version for p in self.predictions.values() if p.project == project.id}
        titles = {backend.title for backend in self.backends_of(project.id)}
        if wanted and wanted not in versions | titles:
            message = "Model version doesn't exist either as live model or as static predictions."
            raise invalid(message, "model_version")

    def _add_task(self, project: ProjectRow, row: Json, inner_id: int) -> TaskRow:
        moment = self.now()
        overlap = int(project.fields["maximum_annotations"])
        data, meta = dict(row.get("data", row)), dict(row.get("meta") or {})
        task = TaskRow(
            self.new_id(), project.id, inner_id, data, meta, moment, moment, overlap=overlap
        )
        self.tasks[task.id] = task
        return task

    def _drop_task(self, task: TaskRow) -> None:
        for annotation in self.annotations_of(task.id):
            del self.annotations[annotation.id]
        for prediction in self.predictions_of(task.id):
            del self.predictions[prediction.id]
        self.drafts = {key: value for key, value in self.drafts.items() if value[0] != task.id}
        self.locks.pop(task.id, None)
        del self.tasks[task.id]

    def _touch(self, task: TaskRow) -> None:
        task.updated_at = self.now()


def _check_project_fields(fields: Json) -> None:
    if "label_config" in fields:
        try:
            required_fields(str(fields["label_config"]))
        except ElementTree.ParseError as error:
            raise invalid(str(error), "label_config") from error


def _found(row: T | None, noun: str) -> T:
    if row is None:
        raise Refusal(404, f"No {noun} matches the given query.")
    return row
