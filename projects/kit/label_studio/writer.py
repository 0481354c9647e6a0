"""Changing Label Studio: whoever holds a writer can do what its token can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from label_studio_sdk.core.request_options import RequestOptions

from projects.kit.errors import (
    LabelStudioRefused,
    LabelStudioUnavailable,
    NotInLabelStudio,
)
from projects.kit.label_studio.reader import TEMPORARY, LabelStudioReader
from projects.vocabulary import (
    Annotation,
    Json,
    Prediction,
    Project,
    annotation_from_json,
    prediction_to_json,
)

PREDICTION_CHUNK = 500
"""Larger pushes keep SQLite locked for seconds and stall annotators."""
ONCE: RequestOptions = {"max_retries": 0}
"""The SDK repeats a POST on 5xx; creating twice is worse than failing once."""
DEFAULT_VIEW = "Default"
ANSWER_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")
"""An annotator waits while Label Studio sends these."""
WEBHOOK_ACTIONS = (
    "TASKS_CREATED",
    "TASKS_DELETED",
    *ANSWER_ACTIONS,
    "ANNOTATIONS_DELETED",
    "PROJECT_UPDATED",
)


class LabelStudioWriter(LabelStudioReader):
    """A reader that can also change things."""

    def create_project(self, title: str, *, label_config: str, **fields: Any) -> Project:
        """A new project; titles need not be unique, see :meth:`ensure_project`."""
        row = self._call(
            "a new project",
            lambda: self._sdk.projects.create(
                title=title, label_config=label_config, request_options=ONCE, **fields
            ),
        )
        return self.project(int(row.id or 0))

    def ensure_project(self, title: str, *, label_config: str, **fields: Any) -> Project:
        """The project of this title, the oldest one; a new one when there is none.

        When Label Studio's database is busy it handles a request again from the
        start, and one request to create makes two projects: the twin goes.
        """
        found = self._titled(title)
        if not found:
            self.create_project(title, label_config=label_config, **fields)
            found = self._titled(title)
            for twin in found[1:]:
                self.request("DELETE", f"/api/projects/{twin.id}/")
        if not found:
            raise LabelStudioUnavailable("the new project is not listed")
        return found[0]

    def _titled(self, title: str) -> list[Project]:
        return sorted((p for p in self.projects() if p.title == title), key=lambda p: p.id)

    def update_project(self, project_id: int, **fields: Any) -> None:
        """Change fields of a project (Label Studio tells every PROJECT_UPDATED webhook)."""
        self._call(
            f"the change of project {project_id}",
            lambda: self._sdk.projects.update(id=project_id, **fields),
            missing=("project", project_id),
        )

    def import_tasks(self, project_id: int, rows: Sequence[Json]) -> list[int]:
        """Create tasks, all or none; returns their ids in the order of ``rows``.

        Each row is ``{"data": ..., "meta": ...}``, maybe with ``"predictions"`` as
        :func:`prediction_to_json` writes them. An invalid one is stored as it is, unless a
        feature flag of Label Studio has it keep all rows out.
        Label Studio does not notice repetitions: look before you call.

        A plain request: the SDK walks through every value of every row.
        """
        if not rows:
            return []
        path = f"/api/projects/{project_id}/import?return_task_ids=true"
        answer = self.request("POST", path, json_body=list(rows))
        ids = [int(number) for number in answer.get("task_ids") or ()]
        if len(ids) != len(rows):
            raise LabelStudioRefused("the import", 201, f"stored {len(ids)} of {len(rows)} tasks")
        self._make_sure_of_predictions(project_id, rows, ids, answer.get("prediction_count") or 0)
        return ids

    def _make_sure_of_predictions(
        self, project_id: int, rows: Sequence[Json], ids: Sequence[int], stored: int
    ) -> None:
        """Push what came with an import and was dropped.

        When its database is locked, Label Studio begins an import again, and by then has
        taken the predictions out of it. Its answer counts those that it stored.
        """
        brought = [
            prediction | {"task": number}
            for number, row in zip(ids, rows, strict=True)
            for prediction in row.get("predictions", ())
        ]
        if stored == 0:
            self._push_all(project_id, brought)
        elif stored != len(brought):
            said = f"stored {stored} of {len(brought)} predictions"
            raise LabelStudioRefused("the import", 201, said)

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
        self._push_all(project_id, [prediction_to_json(one) for one in predictions])

    def delete_prediction(self, prediction_id: int) -> None:
        """Remove one prediction, and nothing else; nothing happens when it is gone already."""
        try:
            self.request("DELETE", f"/api/predictions/{prediction_id}/")
        except LabelStudioRefused as error:
            if error.code != httpx.codes.NOT_FOUND:
                raise

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

    def ensure_webhooks(
        self,
        project_id: int,
        url: str,
        *,
        headers: Mapping[str, str],
        actions: Sequence[str] = WEBHOOK_ACTIONS,
    ) -> None:
        """Webhooks to ``url``; of answers a bare one, to ``url/project_id``.

        Label Studio writes answer, task and project out inside the annotator's submit,
        which then lasts half as long again. Bare, it says only that there is an answer.
        """
        told = [action for action in actions if action not in ANSWER_ACTIONS]
        bare = [action for action in actions if action in ANSWER_ACTIONS]
        self.ensure_webhook(project_id, url, headers=headers, actions=told)
        self.ensure_webhook(
            project_id, f"{url}/{project_id}", headers=headers, actions=bare, payload=False
        )

    def ensure_webhook(
        self,
        project_id: int,
        url: str,
        *,
        headers: Mapping[str, str],
        actions: Sequence[str] = WEBHOOK_ACTIONS,
        payload: bool = True,
    ) -> None:
        """Exactly one webhook of this project to ``url``, with these headers and actions.

        One to the same host and path on another port is an earlier address of
        ours: it moves, for whoever listens there now must not get our events.
        """
        wanted: dict[str, Any] = {
            "url": url,
            "headers": dict(headers),
            "actions": list(actions),
            "send_payload": payload,
            "send_for_all_actions": False,
            "is_active": True,
        }
        rows = self._call("the webhooks", lambda: self._sdk.webhooks.list(project=project_id))
        ours = [row for row in rows if row.project == project_id and _same_place(row.url, url)]
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
        """Connect the ML backend of this title once, at this address; returns its id."""
        wanted: Json = {
            "project": project_id,
            "url": url,
            "title": title,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": user,
            "basic_auth_pass": password,
            "is_interactive": False,
        }
        rows = self._call("the ML backends", lambda: self._sdk.ml.list(project=project_id))
        known = next((row for row in rows if row.title == title or row.url == url), None)
        if known is None:
            return int(self.request("POST", "/api/ml/", json_body=wanted)["id"])
        if known.url != url:
            self.request("PATCH", f"/api/ml/{known.id}", json_body=wanted)
        return int(known.id or 0)

    def ensure_view(self, project_id: int, title: str, task_ids: Sequence[int]) -> int:
        """One view of this title in the data manager, of exactly these tasks; returns its id.

        A project without any view shows one of all its tasks by itself, and no longer
        does so once there is a view: that one is then made first.
        """
        rows = self._call("the views", lambda: self._sdk.views.list(project=project_id))
        known = [row.model_dump() for row in rows]
        if not known:
            body = {"project": project_id, "data": {"title": DEFAULT_VIEW}}
            self.request("POST", f"/api/dm/views/?project={project_id}", json_body=body)
        shown = {"title": title, "filters": {"conjunction": "or", "items": _only(task_ids)}}
        body = {"project": project_id, "data": shown}
        ours = [row["id"] for row in known if (row.get("data") or {}).get("title") == title]
        if not ours:
            path = f"/api/dm/views/?project={project_id}"
            return int(self.request("POST", path, json_body=body)["id"])
        for twin in ours[1:]:
            self.request("DELETE", f"/api/dm/views/{twin}/?project={project_id}")
        path = f"/api/dm/views/{ours[0]}/?project={project_id}"
        return int(self.request("PATCH", path, json_body=body)["id"])

    def request(
        self, method: str, path: str, *, json_body: Json | list[Json] | None = None
    ) -> Json:
        """A plain request for what the SDK does not offer (or gets wrong)."""
        token = self._sdk._client_wrapper.get_headers()["Authorization"]  # noqa: SLF001 - renews it
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

    def _push_all(self, project_id: int, rows: Sequence[Json]) -> None:
        for first in range(0, len(rows), PREDICTION_CHUNK):
            self._push(list(rows[first : first + PREDICTION_CHUNK]), project_id)

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


def _only(task_ids: Sequence[int]) -> list[Json]:
    """Filters of which one must hold; ``in_list`` would do, but Label Studio's page breaks on it.

    Without any filter a view shows everything, so nothing is task 0.
    """
    return [
        {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": int(number)}
        for number in task_ids or (0,)
    ]


def _same_place(one: str | None, other: str) -> bool:
    """Whether two addresses differ in nothing but the port."""
    first, second = urlsplit(one or ""), urlsplit(other)
    return (first.hostname, first.path) == (second.hostname, second.path)
