"""The requests that the fake answers, one function each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.fakes.label_studio.queue import next_task
from tests.fakes.label_studio.records import (
    BackendRow,
    Json,
    ProjectRow,
    TaskRow,
    UserRow,
    ViewRow,
    WebhookRow,
    stamp,
)
from tests.fakes.label_studio.store import Refusal, Store, invalid


@dataclass(frozen=True)
class Call:
    """One request, decoded."""

    store: Store
    user: UserRow
    ids: tuple[int, ...]
    query: dict[str, str]
    body: Any
    url: str


Reply = tuple[int, Any]
Handler = Callable[[Call], Reply]


def find(method: str, path: str) -> tuple[Handler, tuple[int, ...]] | None:
    """The handler of a path, and the numbers in it."""
    for wanted, pattern, handler in ROUTES:
        match = pattern.fullmatch(path.rstrip("/"))
        if wanted == method and match is not None:
            return handler, tuple(int(group) for group in match.groups())
    return None


def list_projects(call: Call) -> Reply:
    rows = sorted(call.store.projects.values(), key=lambda row: -row.id)
    size, page = int(call.query.get("page_size", 30)), int(call.query.get("page", 1))
    shown = rows[(page - 1) * size : page * size]
    more = page * size < len(rows)
    following = f"{call.url}/api/projects/?page={page + 1}&page_size={size}" if more else None
    return 200, {
        "count": len(rows),
        "next": following,
        "previous": None,
        "results": [_project_json(call.store, row) for row in shown],
    }


def create_project(call: Call) -> Reply:
    project = call.store.create_project(call.body, call.user)
    counted = _project_json(call.store, project)
    return 201, counted | {"task_number": None, "total_predictions_number": None}


def get_project(call: Call) -> Reply:
    return 200, _project_json(call.store, call.store.project(call.ids[0]))


def patch_project(call: Call) -> Reply:
    project = call.store.project(call.ids[0])
    call.store.update_project(project, call.body)
    return 200, _project_json(call.store, project)


def delete_project(call: Call) -> Reply:
    call.store.delete_project(call.store.project(call.ids[0]))
    return 204, None


def import_tasks(call: Call) -> Reply:
    tasks, predictions = call.store.import_tasks(call.store.project(call.ids[0]), list(call.body))
    answer: Json = {
        "task_count": len(tasks),
        "annotation_count": 0,
        "prediction_count": predictions,
        "duration": 0.01,
        "file_upload_ids": [],
        "could_be_tasks_list": False,
        "found_formats": [],
        "data_columns": [],
    }
    if call.query.get("return_task_ids", "").lower() in {"true", "1"}:
        answer["task_ids"] = [task.id for task in tasks]
    return 201, answer


def import_predictions(call: Call) -> Reply:
    project = call.store.project(call.ids[0])
    return 201, {"created": call.store.import_predictions(project, list(call.body))}


def get_next(call: Call) -> Reply:
    project = call.store.project(call.ids[0])
    task = next_task(call.store, project, call.user)
    if task is None:
        raise Refusal(404, f"There are no tasks for {call.user.email}")
    version = project.model_version
    shown = [p.json() for p in call.store.predictions_of(task.id) if p.model_version == version]
    mine = [a for a in call.store.annotations_of(task.id) if a.completed_by == call.user.id]
    return 200, call.store.task_json(task) | {
        "predictions": shown if version else [],
        "annotations": [_annotation_json(call.store, a.id) for a in mine],
        "drafts": [],
        "queue": str(project.fields["sampling"]),
    }


def list_tasks(call: Call) -> Reply:
    project = call.store.project(int(call.query.get("project", 0)))
    rows = [row for row in call.store.tasks_of(project.id) if _matches(call.store, row, call.query)]
    size, page = int(call.query.get("page_size", 100)), int(call.query.get("page", 1))
    shown = rows[(page - 1) * size : page * size]
    if not shown and page > 1:
        raise Refusal(404, "Invalid page.")
    full = call.query.get("fields") == "all"
    found = [_task_json(call.store, row) if full else _short(call, row) for row in shown]
    if "include" in call.query:
        names = call.query["include"].split(",")
        found = [{name: row[name] for name in names if name in row} for row in found]
    return 200, {
        "total_annotations": sum(len(call.store.annotations_of(row.id)) for row in rows),
        "total_predictions": sum(len(call.store.predictions_of(row.id)) for row in rows),
        "total": len(rows),
        "tasks": found,
    }


def get_task(call: Call) -> Reply:
    return 200, _task_json(call.store, call.store.task(call.ids[0]))


def patch_task(call: Call) -> Reply:
    task = call.store.task(call.ids[0])
    task.data = dict(call.body.get("data", task.data))
    task.meta = dict(call.body.get("meta", task.meta))
    task.updated_at = call.store.now()
    return 200, _task_json(call.store, task)


def delete_task(call: Call) -> Reply:
    call.store.delete_task(call.store.task(call.ids[0]))
    return 204, None


def list_annotations(call: Call) -> Reply:
    """Of a task; Label Studio leaves the skipped ones out here."""
    rows = call.store.annotations_of(call.store.task(call.ids[0]).id)
    return 200, [row.json() for row in rows if not row.was_cancelled]


def create_annotation(call: Call) -> Reply:
    skipped = call.query.get("was_cancelled", "").lower() in {"1", "true"}
    body = call.body | {"was_cancelled": True} if skipped else call.body
    row = call.store.create_annotation(call.store.task(call.ids[0]), body, call.user)
    return 201, row.json()


def create_draft(call: Call) -> Reply:
    number = call.store.new_id()
    call.store.drafts[number] = (call.store.task(call.ids[0]).id, call.user.id)
    return 201, {"id": number, "task": call.ids[0], "result": call.body.get("result")}


def get_annotation(call: Call) -> Reply:
    return 200, call.store.annotation(call.ids[0]).json()


def patch_annotation(call: Call) -> Reply:
    row = call.store.annotation(call.ids[0])
    call.store.update_annotation(row, call.body, call.user)
    return 200, row.json()


def delete_annotation(call: Call) -> Reply:
    call.store.delete_annotation(call.store.annotation(call.ids[0]))
    return 204, None


def delete_prediction(call: Call) -> Reply:
    call.store.delete_prediction(call.store.prediction(call.ids[0]))
    return 204, None


def list_webhooks(call: Call) -> Reply:
    wanted = call.query.get("project")
    rows = call.store.webhooks.values()
    return 200, [row.json() for row in rows if wanted is None or row.project == int(wanted)]


def create_webhook(call: Call) -> Reply:
    store, body = call.store, call.body
    row = WebhookRow(
        id=store.new_id(),
        project=store.project(int(body["project"])).id,
        url=str(body["url"]),
        actions=list(body.get("actions") or ()),
        headers=dict(body.get("headers") or {}),
        send_payload=bool(body.get("send_payload", True)),
        send_for_all_actions=bool(body.get("send_for_all_actions", True)),
        is_active=bool(body.get("is_active", True)),
        created_at=store.now(),
    )
    store.webhooks[row.id] = row
    return 201, row.json()


def patch_webhook(call: Call) -> Reply:
    """A PATCH without ``actions`` empties them, as in Label Studio."""
    row = call.store.webhook(call.ids[0])
    for name in ("url", "headers", "send_payload", "send_for_all_actions", "is_active"):
        if name in call.body:
            setattr(row, name, call.body[name])
    row.actions = list(call.body.get("actions") or ())
    return 200, row.json()


def delete_webhook(call: Call) -> Reply:
    del call.store.webhooks[call.store.webhook(call.ids[0]).id]
    return 204, None


def list_views(call: Call) -> Reply:
    wanted = int(call.query.get("project", 0))
    return 200, [row.json() for row in call.store.views.values() if row.project == wanted]


def create_view(call: Call) -> Reply:
    project = call.store.project(int(call.body["project"]))
    row = ViewRow(call.store.new_id(), project.id, dict(call.body["data"]))
    call.store.views[row.id] = row
    return 201, row.json()


def patch_view(call: Call) -> Reply:
    row = call.store.view(call.ids[0])
    row.data = dict(call.body["data"])
    return 200, row.json()


def delete_view(call: Call) -> Reply:
    del call.store.views[call.store.view(call.ids[0]).id]
    return 204, None


def list_users(call: Call) -> Reply:
    return 200, [user.json() for user in call.store.users.values()]


def who_am_i(call: Call) -> Reply:
    return 200, call.user.json()


def list_backends(call: Call) -> Reply:
    return 200, [row.json() for row in call.store.backends_of(int(call.query.get("project", 0)))]


def create_backend(call: Call) -> Reply:
    """Connect an ML backend; it is not asked for its health, unlike in Label Studio."""
    project = call.store.project(int(call.body["project"]))
    if not str(call.body.get("url") or "").startswith("http"):
        raise invalid("Enter a valid URL.", "url")
    row = BackendRow(call.store.new_id(), project.id, dict(call.body), call.store.now())
    call.store.backends[row.id] = row
    if not project.model_version and project.fields["show_collab_predictions"]:
        project.fields["model_version"] = row.title
    return 201, row.json()


def _project_json(store: Store, project: ProjectRow) -> Json:
    tasks = store.tasks_of(project.id)
    states = [store.task_json(task) for task in tasks]
    return project.fields | {
        "id": project.id,
        "organization": 1,
        "created_by": project.owner.json(),
        "created_at": stamp(project.created_at),
        "task_number": len(tasks),
        "finished_task_number": sum(state["is_labeled"] for state in states),
        "total_annotations_number": sum(state["total_annotations"] for state in states),
        "skipped_annotations_number": sum(state["cancelled_annotations"] for state in states),
        "total_predictions_number": sum(state["total_predictions"] for state in states),
    }


def _task_json(store: Store, task: TaskRow) -> Json:
    rows = store.annotations_of(task.id)
    return store.task_json(task) | {
        "annotations": [_annotation_json(store, row.id) for row in rows],
        "predictions": [row.json() for row in store.predictions_of(task.id)],
        "drafts": [],
        "annotators": sorted({row.completed_by for row in rows}),
    }


def _short(call: Call, task: TaskRow) -> Json:
    return call.store.task_json(task) | {"drafts": [], "annotators": []}


def _annotation_json(store: Store, number: int) -> Json:
    """As a task's annotations are given: with the person as an object."""
    row = store.annotations[number]
    person = store.users.get(row.completed_by)
    return row.json() | {"completed_by": person.json() if person else {"id": row.completed_by}}


def _matches(store: Store, task: TaskRow, query: dict[str, str]) -> bool:
    given = json.loads(query.get("query", "{}"))
    if "view" in query:
        given = store.view(int(query["view"])).data
    filters = given.get("filters", {})
    found = [_passes(store, task, item) for item in filters.get("items", ())]
    return any(found or [True]) if filters.get("conjunction") == "or" else all(found)


def _passes(store: Store, task: TaskRow, item: Json) -> bool:
    name, operator, value = item["filter"], item["operator"], item["value"]
    if (name, operator) == ("filter:tasks:updated_at", "greater"):
        return task.updated_at > datetime.fromisoformat(value)
    if (name, operator) == ("filter:tasks:predictions_model_versions", "contains"):
        versions = [p.model_version for p in store.predictions_of(task.id)]
        # Label Studio walks over the value, so a plain string matches by its letters.
        return any(part in version for part in value for version in versions)
    if (name, operator) == ("filter:tasks:total_annotations", "equal"):
        answered = [a for a in store.annotations_of(task.id) if not a.was_cancelled]
        return bool(len(answered) == value)
    if (name, operator) == ("filter:tasks:draft_exists", "equal"):
        return (task.id in {of for of, _ in store.drafts.values()}) is (value == "True")
    if (name, operator) == ("filter:tasks:id", "equal"):
        return bool(task.id == value)
    if (name, operator) == ("filter:tasks:id", "in_list"):
        return task.id in value
    if (name, operator) == ("filter:tasks:id", "not_in_list"):
        return task.id not in value
    raise invalid(f"the fake knows no filter {name} {operator}")


def _route(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    return method, re.compile(path.replace("#", r"(\d+)")), handler


ROUTES = (
    _route("GET", "/api/projects", list_projects),
    _route("POST", "/api/projects", create_project),
    _route("GET", "/api/projects/#", get_project),
    _route("PATCH", "/api/projects/#", patch_project),
    _route("DELETE", "/api/projects/#", delete_project),
    _route("POST", "/api/projects/#/import", import_tasks),
    _route("POST", "/api/projects/#/import/predictions", import_predictions),
    _route("GET", "/api/projects/#/next", get_next),
    _route("GET", "/api/tasks", list_tasks),
    _route("GET", "/api/tasks/#", get_task),
    _route("PATCH", "/api/tasks/#", patch_task),
    _route("DELETE", "/api/tasks/#", delete_task),
    _route("GET", "/api/tasks/#/annotations", list_annotations),
    _route("POST", "/api/tasks/#/annotations", create_annotation),
    _route("POST", "/api/tasks/#/drafts", create_draft),
    _route("GET", "/api/annotations/#", get_annotation),
    _route("PATCH", "/api/annotations/#", patch_annotation),
    _route("DELETE", "/api/annotations/#", delete_annotation),
    _route("DELETE", "/api/predictions/#", delete_prediction),
    _route("GET", "/api/webhooks", list_webhooks),
    _route("POST", "/api/webhooks", create_webhook),
    _route("PATCH", "/api/webhooks/#", patch_webhook),
    _route("DELETE", "/api/webhooks/#", delete_webhook),
    _route("GET", "/api/dm/views", list_views),
    _route("POST", "/api/dm/views", create_view),
    _route("PATCH", "/api/dm/views/#", patch_view),
    _route("DELETE", "/api/dm/views/#", delete_view),
    _route("GET", "/api/users", list_users),
    _route("GET", "/api/current-user/whoami", who_am_i),
    _route("GET", "/api/ml", list_backends),
    _route("POST", "/api/ml", create_backend),
)
