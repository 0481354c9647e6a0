"""The words of the product as frozen values, and their Label Studio JSON.

Label Studio says "score" where we say "confidence"; that is translated here and
nowhere else. Its text offsets are Python's: characters, also beyond the basic
plane (its editor stores 8, not 10, for the word after two emoji in "😀😀 Meet Maria").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NewType

from projects.marks import Answer as Answer
from projects.marks import Json as Json
from projects.marks import Mark as Mark
from projects.marks import Shape as Shape
from projects.marks import answer_from_json as answer_from_json
from projects.marks import answer_to_json as answer_to_json
from projects.marks import as_answer as as_answer
from projects.marks import mark_from_json as mark_from_json
from projects.marks import mark_to_json as mark_to_json

ProjectId = NewType("ProjectId", int)
ProductionTaskId = NewType("ProductionTaskId", int)
SandboxTaskId = NewType("SandboxTaskId", int)
AnnotationId = NewType("AnnotationId", int)
UserId = NewType("UserId", int)


@dataclass(frozen=True)
class Prediction:
    """A model's answer to one task, as Label Studio stores it."""

    task_id: int
    model_version: str
    confidence: float | None
    """Probability that the whole answer is right, in [0, 1]; ``None`` if unknown."""
    regions: tuple[Json, ...]
    id: int | None = None
    created_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Annotation:
    """A person's whole answer to one task, as Label Studio stores it."""

    id: AnnotationId
    task_id: int
    project_id: ProjectId
    completed_by: UserId | None
    regions: tuple[Json, ...]
    was_cancelled: bool
    ground_truth: bool
    created_at: datetime
    updated_at: datetime
    lead_time_seconds: float | None
    prediction: Prediction | None = None
    """What the annotator was shown; only webhooks carry it."""
    updated_by: UserId | None = None
    """Who really sent it; Label Studio lets a member name somebody else in completed_by."""


@dataclass(frozen=True)
class Task:
    """Label Studio's item of work for a person."""

    id: int
    project_id: ProjectId
    data: Json
    meta: Json
    created_at: datetime
    updated_at: datetime
    is_labeled: bool
    annotations: tuple[Annotation, ...] = ()
    predictions: tuple[Prediction, ...] = ()


WORK_SETTINGS = (
    "show_instruction",
    "show_skip_button",
    "skip_queue",
    "enable_empty_annotation",
    "show_annotation_history",
    "show_collab_predictions",
    "reveal_preannotations_interactively",
)
"""Fields of a project that change how its tasks are worked on, as Label Studio names them."""


@dataclass(frozen=True)
class Project:
    """A Label Studio project."""

    id: ProjectId
    title: str
    label_config: str
    model_version: str
    """The prediction version that annotators are shown; empty when none."""
    guidelines: str
    task_count: int
    sampling: str = ""
    overlap: int = 1
    """How many annotations finish a task."""
    skips_count: bool = False
    """Whether a skip is one of them."""
    extra: Json = field(default_factory=dict)
    """Those of ``WORK_SETTINGS`` that Label Studio told."""


def parse_time(value: str | datetime) -> datetime:
    """An aware UTC datetime from Label Studio's JSON."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def user_id(value: object) -> UserId | None:
    """The person in Label Studio's JSON: an id, an object with an id, or a list of those.

    ``None`` for anything else, and for a list that names no person or more than one.
    """
    if isinstance(value, Mapping):
        value = value.get("id", value.get("user_id"))
    elif isinstance(value, list):
        value = user_id(value[0]) if len(value) == 1 else None
    return UserId(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: object) -> Json:
    """A JSON object as it came; empty for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def _items(value: object) -> tuple[Json, ...]:
    """The objects of a JSON list; what is not an object is left out."""
    rows = value if isinstance(value, list | tuple) else ()
    return tuple(row for row in rows if isinstance(row, dict))


def _number(value: object) -> float | None:
    """A JSON number; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def prediction_from_json(row: Mapping[str, Any]) -> Prediction:
    """Read one prediction of Label Studio's JSON."""
    return Prediction(
        task_id=int(row.get("task") or 0),
        model_version=str(row.get("model_version") or ""),
        confidence=_number(row.get("score")),
        regions=_items(row.get("result")),
        id=row.get("id"),
        created_at=parse_time(row["created_at"]) if row.get("created_at") else None,
    )


def prediction_to_json(prediction: Prediction) -> Json:
    """One row of Label Studio's prediction import."""
    return {
        "task": prediction.task_id,
        "result": [dict(region) for region in prediction.regions],
        "score": prediction.confidence,
        "model_version": prediction.model_version,
    }


def annotation_from_json(row: Mapping[str, Any]) -> Annotation:
    """Read one annotation of Label Studio's JSON, from REST or from a webhook."""
    shown = row.get("prediction")
    return Annotation(
        id=AnnotationId(int(row["id"])),
        task_id=int(row.get("task") or 0),
        project_id=ProjectId(int(row.get("project") or 0)),
        completed_by=user_id(row.get("completed_by")),
        regions=_items(row.get("result")),
        was_cancelled=bool(row.get("was_cancelled")),
        ground_truth=bool(row.get("ground_truth")),
        created_at=parse_time(row["created_at"]),
        updated_at=parse_time(row["updated_at"]),
        lead_time_seconds=_number(row.get("lead_time")),
        prediction=prediction_from_json(shown) if isinstance(shown, Mapping) and shown else None,
        updated_by=user_id(row.get("updated_by")),
    )


def task_from_json(row: Mapping[str, Any]) -> Task:
    """Read one task of Label Studio's JSON, from REST or from a webhook.

    Members write a task's data and meta: any JSON, also of the wrong shape, can be read.
    """
    return Task(
        id=int(row["id"]),
        project_id=ProjectId(int(row.get("project") or 0)),
        data=_object(row.get("data")),
        meta=_object(row.get("meta")),
        created_at=parse_time(row["created_at"]),
        updated_at=parse_time(row["updated_at"]),
        is_labeled=bool(row.get("is_labeled")),
        annotations=tuple(annotation_from_json(a) for a in _items(row.get("annotations"))),
        predictions=tuple(prediction_from_json(p) for p in _items(row.get("predictions"))),
    )


PROJECT_FIELDS = (
    "id",
    "title",
    "label_config",
    "model_version",
    "expert_instruction",
    "task_number",
    "sampling",
    "maximum_annotations",
    "skip_queue",
    *WORK_SETTINGS,
)
"""What is read of a project."""


def project_from_json(row: Mapping[str, Any]) -> Project:
    """Read one project of Label Studio's JSON."""
    return Project(
        id=ProjectId(int(row["id"])),
        title=str(row.get("title") or ""),
        label_config=str(row.get("label_config") or ""),
        model_version=str(row.get("model_version") or ""),
        guidelines=str(row.get("expert_instruction") or ""),
        task_count=int(row.get("task_number") or 0),
        sampling=str(row.get("sampling") or ""),
        overlap=int(row.get("maximum_annotations") or 1),
        skips_count=row.get("skip_queue") == "IGNORE_SKIPPED",
        extra={name: row[name] for name in WORK_SETTINGS if row.get(name) is not None},
    )
