"""The rows of the fake and the JSON that Label Studio makes of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

PROJECT_DEFAULTS: Json = {
    "title": "",
    "description": "",
    "label_config": "<View></View>",
    "expert_instruction": "",
    "show_instruction": False,
    "show_skip_button": True,
    "enable_empty_annotation": True,
    "show_annotation_history": False,
    "color": "#FFFFFF",
    "maximum_annotations": 1,
    "is_published": False,
    "model_version": "",
    "is_draft": False,
    "min_annotations_to_start_training": 0,
    "show_collab_predictions": True,
    "sampling": "Sequential sampling",
    "show_ground_truth_first": False,
    "show_overlap_first": False,
    "overlap_cohort_percentage": 100,
    "evaluate_predictions_automatically": False,
    "skip_queue": "REQUEUE_FOR_OTHERS",
    "reveal_preannotations_interactively": False,
}


def stamp(moment: datetime) -> str:
    """A moment as Label Studio writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class UserRow:
    id: int
    email: str
    token: str

    def json(self) -> Json:
        return {
            "id": self.id,
            "first_name": "",
            "last_name": "",
            "username": "",
            "email": self.email,
            "avatar": None,
            "initials": self.email[:2],
            "phone": "",
            "active_organization": 1,
        }


@dataclass
class ProjectRow:
    id: int
    owner: UserRow
    created_at: datetime
    fields: Json

    @property
    def model_version(self) -> str:
        return str(self.fields["model_version"] or "")

    @property
    def label_config(self) -> str:
        return str(self.fields["label_config"])


@dataclass
class PredictionRow:
    id: int
    task: int
    project: int
    result: list[Json]
    score: float | None
    model_version: str
    created_at: datetime

    def json(self) -> Json:
        return {
            "id": self.id,
            "result": self.result,
            "model_version": self.model_version,
            "created_ago": "0 minutes",
            "score": self.score,
            "cluster": None,
            "neighbors": None,
            "mislabeling": 0.0,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
            "model": None,
            "model_run": None,
            "task": self.task,
            "project": self.project,
        }


@dataclass
class AnnotationRow:
    id: int
    task: int
    project: int
    result: list[Json]
    completed_by: int
    created_at: datetime
    updated_at: datetime
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None
    parent_prediction: int | None = None
    parent_annotation: int | None = None
    shown: Json = field(default_factory=dict)
    unique_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    updated_by: int | None = None

    def json(self) -> Json:
        """As the annotation endpoints give it."""
        return {
            "id": self.id,
            "result": self.result,
            "created_ago": "0 minutes",
            "completed_by": self.completed_by,
            "was_cancelled": self.was_cancelled,
            "ground_truth": self.ground_truth,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "draft_created_at": None,
            "lead_time": self.lead_time,
            "import_id": None,
            "last_action": None,
            "bulk_created": False,
            "task": self.task,
            "project": self.project,
            "updated_by": self.updated_by or self.completed_by,
            "parent_prediction": self.parent_prediction,
            "parent_annotation": self.parent_annotation,
            "last_created_by": None,
        }

    def event(self) -> Json:
        """As webhooks carry it: with what the annotator was shown."""
        return self.json() | {
            "prediction": self.shown,
            "result_count": len(self.result),
            "unique_id": self.unique_id,
        }


@dataclass
class TaskRow:
    id: int
    project: int
    inner_id: int
    data: Json
    meta: Json
    created_at: datetime
    updated_at: datetime
    overlap: int = 1

    def json(self, *, submitted: int, skipped: int, predictions: int) -> Json:
        """The fields that every form of a task has."""
        return {
            "id": self.id,
            "data": self.data,
            "meta": self.meta,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "is_labeled": submitted >= self.overlap,
            "overlap": self.overlap,
            "inner_id": self.inner_id,
            "total_annotations": submitted,
            "cancelled_annotations": skipped,
            "total_predictions": predictions,
            "comment_count": 0,
            "unresolved_comment_count": 0,
            "last_comment_updated_at": None,
            "project": self.project,
            "updated_by": [],
            "file_upload": None,
            "comment_authors": [],
        }


@dataclass
class ViewRow:
    """A tab of the data manager."""

    id: int
    project: int
    data: Json

    def json(self) -> Json:
        return {"id": self.id, "project": self.project, "order": 0, "user": 1, "data": self.data}


@dataclass
class WebhookRow:
    id: int
    project: int
    url: str
    actions: list[str]
    headers: dict[str, str]
    send_payload: bool
    send_for_all_actions: bool
    is_active: bool
    created_at: datetime

    def wants(self, action: str) -> bool:
        return self.is_active and (self.send_for_all_actions or action in self.actions)

    def json(self) -> Json:
        return {
            "id": self.id,
            "organization": 1,
            "project": self.project,
            "url": self.url,
            "send_payload": self.send_payload,
            "send_for_all_actions": self.send_for_all_actions,
            "headers": self.headers,
            "is_active": self.is_active,
            "actions": self.actions,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
        }


@dataclass
class BackendRow:
    id: int
    project: int
    fields: Json
    created_at: datetime

    @property
    def title(self) -> str:
        return str(self.fields.get("title") or "")

    def json(self) -> Json:
        fields = self.fields
        return {
            "id": self.id,
            "state": "CO",
            "readable_state": "Connected",
            "is_interactive": bool(fields.get("is_interactive")),
            "url": fields["url"],
            "error_message": None,
            "title": self.title,
            "auth_method": fields.get("auth_method", "NONE"),
            "basic_auth_user": fields.get("basic_auth_user", ""),
            "basic_auth_pass_is_set": bool(fields.get("basic_auth_pass")),
            "description": "",
            "extra_params": fields.get("extra_params"),
            "model_version": None,
            "timeout": 100.0,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
            "auto_update": True,
            "project": self.project,
        }
