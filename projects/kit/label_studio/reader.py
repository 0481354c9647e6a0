"""Looking at Label Studio: no method here changes anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, TypeVar

import httpx
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from projects.kit.batches import batched
from projects.kit.errors import (
    LabelStudioRefused,
    LabelStudioUnavailable,
    NotInLabelStudio,
)
from projects.kit.http import client
from projects.vocabulary import (
    PROJECT_FIELDS,
    Annotation,
    Json,
    Project,
    Task,
    annotation_from_json,
    project_from_json,
    task_from_json,
)

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
PAGE_SIZE = 500
MOST_NAMED = 100
"""Ids in one request: they stand in its address."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


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
        self._http = http or client(self.url, timeout_seconds=timeout_seconds)
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
        """Every project of the instance.

        Only what we read: Label Studio counts eight things for each, and every one takes long.
        """
        wanted = ",".join(PROJECT_FIELDS)
        rows = self._call(
            "the list of projects", lambda: list(self._sdk.projects.list(include=wanted))
        )
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
        unanswered: bool = False,
        among: Collection[int] | None = None,
        besides: Collection[int] = (),
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Task]:
        """Tasks of a project with annotations and predictions, page by page.

        ``updated_after`` keeps those touched since (an annotation that is
        created, changed or deleted touches its task). ``predicted_by`` keeps
        those with a prediction of exactly this version (a prediction does not
        touch its task). ``unanswered`` keeps those without an annotation, ``among``
        those with one of these ids, ``besides`` those with another one.
        """
        for named in (None,) if among is None else batched(sorted(among), MOST_NAMED):
            query = _query(
                updated_after=updated_after,
                predicted_by=predicted_by,
                unanswered=unanswered,
                among=named,
                besides=besides,
            )
            for row in self._task_rows(project_id, query, page_size=page_size):
                task = task_from_json(row)
                if _is_of(task, predicted_by):
                    yield task

    def touched(
        self, project_id: int, *, since: datetime | None = None, predicted_by: str = ""
    ) -> dict[int, datetime]:
        """When tasks were touched last: those touched since, or those that a version predicted.

        Label Studio writes no task out for it: 60 of them take a sixth of the time. A
        version here need only contain the one asked for.
        """
        query = _query(updated_after=since, predicted_by=predicted_by)
        rows = self._task_rows(project_id, query, fields="task_only", include="id,updated_at")
        return {int(row["id"]): row["updated_at"] for row in rows}

    def drafted_tasks(self, project_id: int) -> set[int]:
        """The tasks of a project that somebody has begun to answer and not submitted."""
        query = _filtered([_filter("draft_exists", "equal", "Boolean", "True")])
        rows = self._task_rows(project_id, query, fields="task_only", include="id")
        return {int(row["id"]) for row in rows}

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

    def file(self, path: str, *, max_bytes: int) -> tuple[bytes, str]:
        """A file that a task shows, and its content type without parameters.

        Raises
        ------
        LabelStudioRefused
            When there is none at this path, or it is larger than ``max_bytes``.
        """
        token = self._sdk._client_wrapper.get_headers()["Authorization"]  # noqa: SLF001 - renews it
        content = bytearray()
        try:
            with self._http.stream(
                "GET", f"{self.url}{path}", headers={"Authorization": token}
            ) as answer:
                if answer.status_code in TEMPORARY:
                    raise LabelStudioUnavailable(f"a file: status {answer.status_code}")
                if answer.status_code != httpx.codes.OK:
                    raise LabelStudioRefused("a file", answer.status_code, "it cannot be read")
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > max_bytes:
                        raise LabelStudioRefused("a file", answer.status_code, "it is too large")
        except httpx.HTTPError as error:
            raise LabelStudioUnavailable(f"a file: {type(error).__name__}") from error
        return bytes(content), answer.headers.get("content-type", "").partition(";")[0].strip()

    def emails(self) -> dict[int, str]:
        """E-mail address by user id."""
        rows = self._call("the list of users", lambda: self._sdk.users.list())
        return {int(row.id): str(row.email) for row in rows if row.id is not None}

    def _task_rows(
        self, project_id: int, query: str | None, *, page_size: int = PAGE_SIZE, **shape: str
    ) -> Iterator[Json]:
        page = 1
        while True:
            rows = self._task_page(project_id, page, page_size, query, shape)
            yield from rows
            if len(rows) < page_size:
                return
            page += 1

    def _task_page(
        self, project_id: int, page: int, page_size: int, query: str | None, shape: dict[str, str]
    ) -> list[Json]:
        arguments: dict[str, Any] = {"project": project_id, "fields": "all"} | shape
        arguments |= {"page": page, "page_size": page_size}
        if query is not None:
            arguments["query"] = query

        def fetch() -> list[Json]:
            listing = self._sdk.tasks.list(**arguments)
            return [item.model_dump() for item in listing.items or ()]

        try:
            what = f"tasks of project {project_id}"
            return self._call(what, fetch, missing=("project", project_id))
        except NotInLabelStudio:
            if page > 1:
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


def _query(
    *,
    updated_after: datetime | None = None,
    predicted_by: str = "",
    unanswered: bool = False,
    among: Collection[int] | None = None,
    besides: Collection[int] = (),
) -> str | None:
    items: list[Json] = []
    if updated_after is not None:
        moment = updated_after.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        items.append(_filter("updated_at", "greater", "Datetime", moment))
    if predicted_by:
        items.append(_filter("predictions_model_versions", "contains", "List", [predicted_by]))
    if unanswered:
        items.append(_filter("total_annotations", "equal", "Number", 0))
    if among is not None:
        items.append(_filter("id", "in_list", "Number", sorted(among)))
    if besides:
        items.append(_filter("id", "not_in_list", "Number", sorted(besides)))
    return _filtered(items) if items else None


def _filtered(items: list[Json]) -> str:
    return json.dumps({"filters": {"conjunction": "and", "items": items}})


def _is_of(task: Task, version: str) -> bool:
    """Label Studio also finds versions that merely contain the one asked for."""
    return not version or any(p.model_version == version for p in task.predictions)


def _filter(
    column: str, operator: str, form: str, value: str | int | list[str] | list[int]
) -> Json:
    name = f"filter:tasks:{column}"
    return {"filter": name, "operator": operator, "type": form, "value": value}
