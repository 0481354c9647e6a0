"""Everything that one member of a real Label Studio can ask it, found by Label Studio itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from projects.vocabulary import Json
from scripts import label_studio

ROUTES = """
import os, sys
import label_studio
sys.path.insert(0, os.path.dirname(label_studio.__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings.label_studio"
import django
django.setup()
from django.urls import get_resolver
def walk(resolver, before=""):
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            walk(pattern, path)
        else:
            print("route:" + path)
walk(get_resolver())
"""
"""Run by Label Studio's own Python: its table of routes, of which the description is a part."""
NOT_ASKED = re.compile(
    r"logout|trigger500|heidi-tips|__lsa|jsi18n|password"  # would end the session or ask afar
    r"|^admin/.*(history|delete|change|add|object_id>)/$"  # the list above each is refused too
    r"|^.?(static|label-studio-frontend|dm/|react-app)|sw\.js|sw-fallback|favicon"  # code
    r"|^.?samples"  # drawn by chance
    r"|/docs/|^docs/|swagger|format>|_format"  # the description, and other spellings of the rest
)
PARAMETER = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")
SELDOM = re.compile(r"^/(admin|django-rq|api/storages|feature-flags|metrics)")
"""What is no part of annotating; asked once, not in every comparison."""
OF_A_PROJECT = (
    "dm/views", "dm/columns", "dm/project", "dm/actions", "webhooks", "ml", "predictions",
    "label_links", "storages", "storages/export",
)  # fmt: skip
"""Lists that are asked for one project."""
MOMENTS = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]+"|"last_activity": ?"[^"]+"|nonce[-=][^\'; >]+'
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r'|"created_ago": ?"[^"]+"|-at-\d{4}(-\d\d){4}|"expires": "[^"]+"'
    # of the working copy that Label Studio runs in, which it asks git for every five minutes
    r'|"label-studio-os-backend": ?\{[^}]*\}|"backend": ?\{[^}]*\}|\.(css|js)\?v=\w*'
)
"""What differs from one request to the next by itself: form tokens, one's own activity, ages.
Moments of tasks, projects and annotations stay: those could tell that something was touched."""
Answers = dict[str, str]
"""Status, headers and body by request."""


def routes(folder: Path) -> list[str]:
    """Every route that Label Studio answers on, with its parameters in brackets."""
    python = label_studio.executable().parent / "python"
    done = subprocess.run(
        [str(python), "-c", ROUTES],
        env={"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "",
             "COLLECT_ANALYTICS": "False", "SECRET_KEY": "of-nothing", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )  # fmt: skip
    lines = [line.removeprefix("route:") for line in done.stdout.splitlines() if "route:" in line]
    found = {_plain(line) for line in lines if not NOT_ASKED.search(line)}
    return sorted(found)


def _plain(pattern: str) -> str:
    """A Django pattern as a path: ``/api/tasks/{pk}/``."""
    named = PARAMETER.sub(lambda m: "{" + (m.group(1) or m.group(2)) + "}", pattern)
    return "/" + re.sub(r"[\^$?]|\\(?=\.)", "", named).lstrip("/")


@dataclass
class Member:
    """Somebody signed in, by token or as a browser."""

    http: httpx.Client
    asked: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        self.asked += 1
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        return answer

    def sweep(self, requests: Iterable[str]) -> Answers:
        """Every one of these addresses, read."""
        found = {}
        for path in requests:
            answer = self.ask("GET", path)
            headers = {k: v for k, v in answer.headers.items() if k not in ("date", "set-cookie")}
            headers.pop("content-length", None)  # of form tokens
            body = answer.content.decode("utf-8", "replace")
            text = f"{answer.status_code} {json.dumps(headers)} {body}"
            found[path] = MOMENTS.sub("then", text)
        return found


def by_token(url: str, token: str) -> Member:
    headers = {"Authorization": f"Token {token}"}
    return Member(httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False))


def by_session(url: str, email: str, password: str) -> Member:
    """As a browser: the login form, and its cookie from then on."""
    http = httpx.Client(base_url=url, timeout=120, trust_env=False)
    http.get("/user/login/")
    form = {"email": email, "password": password}
    form["csrfmiddlewaretoken"] = http.cookies.get("csrftoken") or ""
    answer = http.post("/user/login/", data=form, headers={"Referer": f"{url}/user/login/"})
    assert answer.is_redirect, answer.text[:300]
    return Member(http)


Known = Mapping[str, Sequence[int]]
"""Ids of what there is: projects, tasks, annotations, predictions, users, webhooks, views."""


def addresses(routes: Iterable[str], known: Known, *, seldom: bool) -> list[str]:
    """Every route with every id that exists in the place of its parameters, and with queries."""
    found = []
    for route in routes:
        if bool(SELDOM.match(route)) == seldom:
            names = re.findall(r"\{(\w+)\}", route)
            values = [_ids(route, name, known) for name in names]
            for chosen in product(*values):
                found.append(re.sub(r"\{\w+\}", "{}", route).format(*chosen))
    return found if seldom else sorted({*found, *_queries(known)})


def _ids(route: str, name: str, known: Known) -> Sequence[Any]:
    """What can stand for this parameter of this route."""
    before = route.partition("{" + name + "}")[0]
    if name in ("project_id",) or before in ("/api/projects/", "/projects/"):
        return known["projects"]
    if name in ("task_id",) or before in ("/api/tasks/", "/tasks/"):
        return known["tasks"]
    if name == "entity_name":
        return ("task", "project", "annotation")
    if name == "entity_id":
        return (*known["tasks"][:2], *known["projects"][:1])
    for noun in ("annotations", "predictions", "users", "webhooks", "views"):
        if before.endswith(f"/{noun}/"):
            return known[noun]
    texts = {"action_id": "predictions_to_annotations", "filename": "upload", "path": "a",
             "sub_path": "general", "app_label": "tasks", "url": "tasks", "token": "a",
             "job_id": "a", "key": "a", "content_type_id": 1, "object_id": 1}  # fmt: skip
    return (texts.get(name, 1),)


def _queries(known: Known) -> Iterator[str]:
    """The same lists with what narrows or widens them."""
    for project in known["projects"]:
        for fields in ("all", "task_only"):
            more = {"project": project, "fields": fields, "page_size": 100, "resolve_uri": "true"}
            yield f"/api/tasks/?{urlencode(more)}"
        for path in OF_A_PROJECT:
            yield f"/api/{path}/?project={project}"
        for form in ("JSON", "JSON_MIN", "CSV"):
            more = {"exportType": form, "download_all_tasks": "true"}
            yield f"/api/projects/{project}/export?{urlencode(more)}"
    for task in known["tasks"]:
        yield f"/api/predictions/?task={task}"
    yield "/api/projects/?page_size=1000&include=id,title,task_number,total_annotations_number"
    yield "/api/tasks/?page_size=1000&fields=all"


def oracles(columns: Iterable[Json], project: int, word: str) -> list[str]:
    """Questions whose yes or no could tell something: a filter and an order by every column."""
    found = []
    for column in columns:
        if column.get("target") != "tasks" or column.get("children"):
            continue
        name = ".".join(part for part in (column.get("parent"), column["id"]) if part)
        item = {"filter": f"filter:tasks:{name}", "type": str(column.get("type"))}
        item |= _asked(name, item["type"], word)
        asked = {"filters": {"conjunction": "and", "items": [item]}}
        found.append(_listing(project, asked | {"ordering": [f"-tasks:{name}"]}))
    return found


def _asked(name: str, form: str, word: str) -> Json:
    if name in ("annotators", "updated_by"):  # of people's ids
        return {"operator": "contains", "value": 1}
    if form in ("Datetime", "Boolean"):
        return {"operator": "empty", "value": True}
    if form == "Number":
        return {"operator": "greater", "value": 0}
    return {"operator": "contains", "value": word}


def _listing(project: int, query: Json) -> str:
    more = {"project": project, "page_size": 100, "query": json.dumps(query)}
    return f"/api/tasks/?{urlencode(more)}"
