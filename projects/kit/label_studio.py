"""The only HTTP client of Label Studio: a reader without write methods, and a writer.

Built on the official SDK, with its traps closed: a POST is never sent twice by
itself, every count of stored rows is checked, and its many error types become
four of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.request_options import RequestOptions

from projects.kit.errors import (
    LabelStudioRefused,
    LabelStudioUnavailable,
    NotInLabelStudio,
)
from projects.vocabulary import (
    Annotation,
    Json,
    Prediction,
    Project,
    Task,
    annotation_from_json,
    prediction_to_json,
    project_from_json,
    task_from_json,
)

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
PAGE_SIZE = 500
PREDICTION_CHUNK = 500
"""Larger pushes keep SQLite locked for seconds and stall annotators."""
ONCE: RequestOptions = {"max_retries": 0}
"""The SDK repeats a POST on 5xx; creating twice is worse than failing once."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})

WEBHOOK_ACTIONS = (
    "TASKS_CREATED",
    "TASKS_DELETED",
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "PROJECT_UPDATED",
)


class LabelStudioReader:
    """Everything that only looks.

    Parameters
    ----------
    url : str
        Where Label Studio answers, without a slash at the end.
    token : str
        A legacy token or a personal access token; or the key of the read-only gateway.
    http : httpx.Client, optional
        Another way to carry requests, for tests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        http: httpx.Client | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.url = url.rstrip("/")
        # Loopback and private addresses are reached directly, whatever proxy is set.
        self._http = http or httpx.Client(timeout=timeout_seconds, trust_env=False)
        self._sdk = LabelStudio(base_url=self.url, api_key=token, httpx_client=self._http)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def is_healthy(self) -> bool:
        """Whether Label Studio answers at all."""
        try:
            return self._http.get(f"{self.url}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def projects(self) -> list[Project]:
        """Every project of the instance."""
        rows = self._call("the list of projects", lambda: list(self._sdk.projects.list()))
        return [project_from_json(row.model_dump()) for row in rows]

    def project(self, project_id: int) -> Project:
        """One project.

        Raises
        ------
        NotInLabelStudio
            When there is none of this id.
        """
        row = self._call(
            f"project {project_id}",
            lambda: self._sdk.projects.get(id=project_id),
            missing=("project", project_id),
        )
        return project_from_json(row.model_dump())

    def task(self, task_id: int) -> Task:
        """One task with its annotations and all its predictions."""
        row = self._call(
            f"task {task_id}",
            lambda: self._sdk.tasks.get(id=str(task_id)),
            missing=("task", task_id),
        )
        return task_from_json(row.model_dump())

    def tasks(
        self,
        project_id: int,
        *,
        updated_after: datetime | None = None,
        predicted_by: str = "",
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Task]:
        """Tasks of a project with annotations and predictions, page by page.

        ``updated_after`` keeps those touched since (an annotation that is
        created, changed or deleted touches its task). ``predicted_by`` keeps
        those with a prediction of exactly this version (a prediction does not
        touch its task).
        """
        query = _query(updated_after, predicted_by)
        page = 1
        while True:
            rows = self._task_page(project_id, page, page_size, query)
            yield from (task for task in map(task_from_json, rows) if _is_of(task, predicted_by))
            if len(rows) < page_size:
                return
            page += 1

    def annotation(self, annotation_id: int) -> Annotation:
        """One annotation as it is now."""
        row = self._call(
            f"annotation {annotation_id}",
            lambda: self._sdk.annotations.get(id=annotation_id),
            missing=("annotation", annotation_id),
        )
        return annotation_from_json(row.model_dump())

    def annotations(self, task_id: int) -> list[Annotation]:
        """The annotations of a task, skipped ones included.

        Read from the task itself: Label Studio's list of annotations leaves
        the skipped ones out.
        """
        return list(self.task(task_id).annotations)

    def emails(self) -> dict[int, str]:
        """E-mail address by user id."""
        rows = self._call("the list of users", lambda: self._sdk.users.list())
        return {int(row.id): str(row.email) for row in rows if row.id is not None}

    def _task_page(
        self, project_id: int, page: int, page_size: int, query: str | None
    ) -> list[Json]:
        arguments: dict[str, Any] = {"project": project_id, "fields": "all"}
        arguments |= {"page": page, "page_size": page_size}
        if query is not None:
            arguments["query"] = query

        def fetch() -> list[Json]:
            listing = self._sdk.tasks.list(**arguments)
            return [item.model_dump() for item in listing.items or ()]

        try:
            return self._call(f"tasks of project {project_id}", fetch)
        except LabelStudioRefused as error:
            if error.code == httpx.codes.NOT_FOUND and page > 1:
                return []  # Label Studio answers 404 after the last page
            raise

    def _call(
        self,
        what: str,
        request: Callable[[], T],
        missing: tuple[str, int] | None = None,
    ) -> T:
        try:
            return request()
        except ApiError as error:
            code = error.status_code or 0
            if missing is not None and code == httpx.codes.NOT_FOUND:
                raise NotInLabelStudio(*missing) from error
            if code in TEMPORARY:
                raise LabelStudioUnavailable(f"{what}: status {code}") from error
            raise LabelStudioRefused(what, code, str(error.body)[:500]) from error
        except httpx.HTTPError as error:
            raise LabelStudioUnavailable(f"{what}: {type(error).__name__}") from error


class LabelStudioWriter(LabelStudioReader):
    """A reader that can also change things."""

    def create_project(self, title: str, *, label_config: str, **fields: Any) -> Project:
        """A new project; look for it first, titles need not be unique."""
        row = self._call(
            f"project {title!r}",
            lambda: self._sdk.projects.create(
                title=title, label_config=label_config, request_options=ONCE, **fields
            ),
        )
        return self.project(int(row.id or 0))

    def update_project(self, project_id: int, **fields: Any) -> None:
        """Change fields of a project (Label Studio tells every PROJECT_UPDATED webhook)."""
        self._call(
            f"the change of project {project_id}",
            lambda: self._sdk.projects.update(id=project_id, **fields),
            missing=("project", project_id),
        )

    def import_tasks(self, project_id: int, rows: Sequence[Json]) -> list[int]:
        """Create tasks, all or none; returns their ids in the order of ``rows``.

        Each row is ``{"data": ..., "meta": ...}``. Label Studio does not
        notice repetitions: look before you call.
        """
        if not rows:
            return []
        answer = self._call(
            f"the import of {len(rows)} tasks into project {project_id}",
            lambda: self._sdk.projects.import_tasks(
                id=project_id,
                request=list(rows),
                return_task_ids=True,
                request_options=ONCE,
            ),
        )
        ids = [int(number) for number in answer.task_ids or ()]
        if len(ids) != len(rows):
            raise LabelStudioRefused("the import", 201, f"stored {len(ids)} of {len(rows)} tasks")
        return ids

    def delete_task(self, task_id: int) -> None:
        """Remove a task; nothing happens when it is gone already."""
        try:
            self._call(
                f"the removal of task {task_id}",
                lambda: self._sdk.tasks.delete(id=str(task_id)),
                missing=("task", task_id),
            )
        except NotInLabelStudio:
            return

    def push_predictions(self, project_id: int, predictions: Sequence[Prediction]) -> None:
        """Store predictions in chunks.

        Raises
        ------
        LabelStudioRefused
            Also when Label Studio silently drops one (it does so with invalid results).
        """
        for first in range(0, len(predictions), PREDICTION_CHUNK):
            self._push(
                [prediction_to_json(p) for p in predictions[first : first + PREDICTION_CHUNK]],
                project_id,
            )

    def create_annotation(self, task_id: int, regions: Sequence[Json], **fields: Any) -> Annotation:
        """Submit an annotation as the owner of the token."""
        row = self._call(
            f"an annotation of task {task_id}",
            lambda: self._sdk.annotations.create(
                id=task_id, result=list(regions), request_options=ONCE, **fields
            ),
            missing=("task", task_id),
        )
        return annotation_from_json(row.model_dump())

    def ensure_webhook(
        self,
        project_id: int,
        url: str,
        *,
        headers: Mapping[str, str],
        actions: Sequence[str] = WEBHOOK_ACTIONS,
    ) -> None:
        """Exactly one webhook of this project to ``url``, with these headers and actions."""
        wanted: dict[str, Any] = {
            "url": url,
            "headers": dict(headers),
            "actions": list(actions),
            "send_payload": True,
            "send_for_all_actions": False,
            "is_active": True,
        }
        rows = self._call("the webhooks", lambda: self._sdk.webhooks.list(project=project_id))
        ours = [row for row in rows if row.url == url and row.project == project_id]
        for row in ours[1:]:
            self.request("DELETE", f"/api/webhooks/{row.id}/")
        if not ours:
            self._call(
                f"the webhook to {url}",
                lambda: self._sdk.webhooks.create(
                    project=project_id, request_options=ONCE, **wanted
                ),
            )
            return
        # The SDK wants every field as a query parameter of its own kind; PATCH takes plain JSON.
        self.request("PATCH", f"/api/webhooks/{ours[0].id}/", json_body=wanted)

    def ensure_ml_backend(
        self, project_id: int, url: str, *, title: str, user: str, password: str
    ) -> int:
        """Connect an ML backend once; returns its id."""
        rows = self._call("the ML backends", lambda: self._sdk.ml.list(project=project_id))
        for row in rows:
            if row.url == url:
                return int(row.id or 0)
        created = self.request(
            "POST",
            "/api/ml/",
            json_body={
                "project": project_id,
                "url": url,
                "title": title,
                "auth_method": "BASIC_AUTH",
                "basic_auth_user": user,
                "basic_auth_pass": password,
                "is_interactive": False,
            },
        )
        return int(created["id"])

    def request(self, method: str, path: str, *, json_body: Json | None = None) -> Json:
        """A plain request for what the SDK does not offer (or gets wrong)."""
        token = self._sdk._client_wrapper.get_headers()["Authorization"]  # noqa: SLF001
        try:
            answer = self._http.request(
                method,
                f"{self.url}{path}",
                json=json_body,
                headers={"Authorization": token},
            )
        except httpx.HTTPError as error:
            raise LabelStudioUnavailable(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code in TEMPORARY:
            raise LabelStudioUnavailable(f"{method} {path}: status {answer.status_code}")
        if not answer.is_success:
            raise LabelStudioRefused(f"{method} {path}", answer.status_code, answer.text[:500])
        return dict(answer.json()) if answer.content else {}

    def _push(self, chunk: list[Json], project_id: int) -> None:
        what = f"{len(chunk)} predictions for project {project_id}"
        answer = self._call(
            what,
            lambda: self._sdk.projects.import_predictions(
                id=project_id, request=chunk, request_options=ONCE
            ),
        )
        if answer.created != len(chunk):
            raise LabelStudioRefused(what, 201, f"it stored {answer.created} of {len(chunk)}")


def _query(updated_after: datetime | None, predicted_by: str) -> str | None:
    items: list[Json] = []
    if updated_after is not None:
        moment = updated_after.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        items.append(_filter("updated_at", "greater", "Datetime", moment))
    if predicted_by:
        items.append(_filter("predictions_model_versions", "contains", "List", [predicted_by]))
    return json.dumps({"filters": {"conjunction": "and", "items": items}}) if items else None


def _is_of(task: Task, version: str) -> bool:
    """Label Studio also finds versions that merely contain the one asked for."""
    return not version or any(p.model_version == version for p in task.predictions)


def _filter(column: str, operator: str, form: str, value: str | list[str]) -> Json:
    name = f"filter:tasks:{column}"
    return {"filter": name, "operator": operator, "type": form, "value": value}
