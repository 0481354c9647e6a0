"""Brings gold into a running Understudy, with what its model suggests for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from projects.flow import intake
from projects.flow.messages import message_from_json
from projects.kinds import registry
from projects.kit import logs
from projects.kit.errors import BadInput
from projects.kit.label_studio import LabelStudioWriter
from projects.samples import gold as samples
from projects.vocabulary import Json
from sandbox_sync import app as sync
from sandbox_sync.db import production
from sandbox_sync.gold_file import GoldRow, read
from sandbox_sync.settings import Settings
from sandbox_sync.workflows import keys
from sandbox_sync.workflows.room import Room
from scripts import bootstrap
from scripts.programs import BACKEND_USER, House

JSON_SETTINGS = ("projects", "trainers")
SUGGEST_SECONDS = 30.0
TOGETHER = 50

log = logs.get(__name__)


@dataclass(frozen=True)
class Result:
    """What loading a file did, and how many of its rows a model said nothing about."""

    loaded: keys.Loaded
    without_suggestion: int


def load_own(house: House) -> None:
    """The gold that comes with the kinds."""
    with opened(house) as room:
        for project_id, kind in room.followed.items():
            path = samples.path(registry.load(kind)) if kind in registry.names() else None
            if path is not None and path.exists():
                text = path.read_text(encoding="utf-8")
                load_text(house, room, text, path.name, kind=kind, project=project_id)


def models_serve(house: House) -> bool:
    """Whether every project of a kind has a model that answers."""
    writer = LabelStudioWriter(house.production.url, house.production.token)
    try:
        projects = [writer.project(number) for number in bootstrap.production_projects(writer)]
    finally:
        writer.close()
    try:
        with _backend(house) as http:
            for project in projects:
                body = {"project": f"{project.id}.0", "schema": project.label_config}
                answer = http.post("/setup", json=body).raise_for_status()
                if not answer.json().get("model_version"):
                    return False
    except (httpx.HTTPError, ValueError, AttributeError):
        return False
    return True


def load_text(
    house: House, room: Room, text: str, where: str, *, kind: str, project: int
) -> Result:
    """The rows of a file as gold of one production project."""
    project_id = _project(room, kind, project)
    live = room.production.project(project_id)
    with room.transaction() as session:
        production.save_project(session, live, kind=kind)
    scheme = room.scheme(kind, live.label_config)

    def data_of(message: Mapping[str, Any]) -> Json:
        return intake.decompose(message_from_json(dict(message)))[kind]

    rows = read(text, where, scheme, data_of)
    rows = _suggested(house, project_id, live.label_config, rows)
    loaded = keys.load(room, project_id, rows, by=f"file {Path(where).name}")
    return Result(loaded, sum(row.suggestion is None for row in rows))


def _project(room: Room, kind: str, asked: int) -> int:
    of_kind = sorted(number for number, name in room.followed.items() if name == kind)
    if not of_kind:
        known = ", ".join(sorted(set(room.followed.values()))) or "none"
        raise BadInput(f"nobody practises {kind!r}; there is practice on {known}", "--kind")
    if asked in of_kind:
        return asked
    if asked or len(of_kind) != 1:
        known = ", ".join(map(str, of_kind))
        raise BadInput(f"production projects of {kind!r} are {known}; name one", "--project")
    return of_kind[0]


def _suggested(house: House, project_id: int, config: str, rows: list[GoldRow]) -> list[GoldRow]:
    """With what the model suggests now, as production's tasks have it; else as they were."""
    bare = [row for row in rows if row.suggestion is None]
    found: dict[str, Json] = {}
    try:
        with _backend(house) as http:
            for first in range(0, len(bare), TOGETHER):
                some = bare[first : first + TOGETHER]
                answer = http.post(
                    "/predict",
                    json={
                        "tasks": [{"id": n, "data": row.data} for n, row in enumerate(some)],
                        "project": f"{project_id}.0",
                        "label_config": config,
                    },
                )
                results = answer.raise_for_status().json()["results"]
                for row, result in zip(some, results, strict=True):
                    if isinstance(result, dict) and result.get("model_version"):
                        found[row.name] = _suggestion(result)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        log.warning("gold.no_suggestions", error=type(error).__name__)
    return [replace(row, suggestion=found.get(row.name, row.suggestion)) for row in rows]


def _backend(house: House) -> httpx.Client:
    return httpx.Client(
        base_url=house.backend_url,
        auth=(BACKEND_USER, house.secrets.backend_password),
        timeout=SUGGEST_SECONDS,
        trust_env=False,
    )


def _suggestion(result: Mapping[str, Any]) -> Json:
    return {
        "model_version": str(result["model_version"]),
        "confidence": result.get("score"),
        "regions": list(result.get("result") or ()),
    }


@contextmanager
def opened(house: House) -> Iterator[Room]:
    """The practice half of this Understudy, beside its own process."""
    writer = LabelStudioWriter(house.production.url, house.production.token)
    projects = bootstrap.production_projects(writer)
    writer.close()
    given = house.sync_environment(json.dumps({str(n): kind for n, kind in projects.items()}))
    values: dict[str, Any] = {
        name.removeprefix("SANDBOX_SYNC_").lower(): value for name, value in given.items()
    }
    values |= {name: json.loads(values[name]) for name in JSON_SETTINGS}
    with sync.opened(Settings(**values)) as room:
        yield room
