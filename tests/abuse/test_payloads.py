"""Spoiled bodies: never a 500, never a hang, and what is refused leaves no trace."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from backend_ml import bodies, digesting
from backend_ml.settings import Settings
from backend_ml.tables import Event
from backend_ml.workshop import Workshop, open_workshop
from tests.abuse import seeds
from tests.abuse.conftest import DETAILS, INTENT, OTHER, UNTRAINED, Dump
from tests.backend_ml.conftest import make_settings
from tests.fakes.label_studio import FakeLabelStudio
from tests.support.wire import BASIC, SECRET

MOST_SECONDS = 5.0
JSON = {"Content-Type": "application/json"}
GIVEN = os.environ.get("UNDERSTUDY_PAYLOADS", "")
"""A folder of payloads that were really sent: lists of calls with path and body."""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """On PostgreSQL too: it refuses characters and numbers that SQLite keeps."""
    if request.param == "sqlite":
        yield ""
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url


@pytest.fixture(scope="module")
def settings(database: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("payloads")
    projects = {INTENT: "intent", DETAILS: "details", UNTRAINED: "intent"}
    return make_settings(folder, database, projects=projects)


@pytest.fixture(scope="module")
def workshop(settings: Settings, app: FastAPI) -> Iterator[Workshop]:
    """The worker's side of the same database."""
    assert app
    made = open_workshop(settings, studio=FakeLabelStudio().writer())
    yield replace(made)
    for factory in (made.sessions, made.reading):
        factory.kw["bind"].dispose()


def send(client: TestClient, path: str, content: bytes, **headers: str) -> Any:
    begun = time.perf_counter()
    answer = client.post(path, content=content, headers=JSON | headers)
    assert time.perf_counter() - begun < MOST_SECONDS
    assert answer.status_code < 500, answer.text
    return answer


def is_recorded(answer: Any) -> bool:
    return bool(answer.is_success and answer.json().get("status") == "recorded")


@hypothesis.settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # making a failure smaller takes minutes; bodies are small
)
@given(spoiled=seeds.spoiled(), ascii_only=st.booleans())
def test_what_is_taken_can_be_worked_on_and_what_is_refused_leaves_no_trace(
    client: TestClient,
    workshop: Workshop,
    dump: Callable[[], Dump],
    spoiled: seeds.Spoiled,
    ascii_only: bool,  # noqa: FBT001 - drawn
) -> None:
    path, body = spoiled.path, spoiled.body
    before = dump()
    answer = send(client, path, seeds.as_bytes(body, ascii_only=ascii_only))
    if path == "/predict" and answer.is_success:
        tasks = body["tasks"]
        assert len(answer.json()["results"]) == (len(tasks) if isinstance(tasks, list) else 1)
    if not is_recorded(answer):
        assert dump() == before
        return
    digesting.digest(workshop, INTENT)
    assert failed(workshop) == []


def failed(workshop: Workshop) -> list[tuple[str, str | None]]:
    """Events that the worker could not handle."""
    with workshop.reading() as session:
        query = sa.select(Event.action, Event.error).where(Event.handled_at.is_(None))
        return [(action, error) for action, error in session.execute(query)]


BROKEN = {
    "nothing": b"",
    "cut off": seeds.as_bytes(seeds.SEEDS[1][1])[:-40],
    "twice": seeds.as_bytes(seeds.SEEDS[1][1]) * 2,
    "keys twice": seeds.with_key_twice(seeds.SEEDS[7][1]),
    "infinite": b'{"tasks": [{"data": {"text": 1e999}}]}',
    "not a number": b'{"tasks": [], "params": NaN}',
    "half a character": b'{"tasks": [{"data": {"text": "\xed\xa0\x80"}}]}',
    "not utf-8": '{"tasks": [{"data": {"text": "é"}}]}'.encode("latin-1"),
    "utf-16": json.dumps({"tasks": []}).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "deep lists": b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep objects": b'{"a": ' * 600 + b"1" + b"}" * 600,
    "deeper than allowed": seeds.as_bytes({"tasks": seeds.nested(bodies.MOST_DEPTH)}),
    "a number of many digits": b'{"project": ' + b"9" * 5000 + b"}",
    "compressed": gzip.compress(b'{"tasks": []}'),
    "a form": b"tasks=1&project=2",
}


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
@pytest.mark.parametrize("what", [name for name in BROKEN if name != "keys twice"])
def test_what_is_no_json_object_is_refused(
    client: TestClient, dump: Callable[[], Dump], path: str, what: str
) -> None:
    before = dump()
    encoding = {"Content-Encoding": "gzip"} if what == "compressed" else {}
    assert send(client, path, BROKEN[what], **encoding).status_code == 422
    assert dump() == before


def test_of_a_key_that_comes_twice_the_last_counts(client: TestClient) -> None:
    assert is_recorded(send(client, "/webhook", BROKEN["keys twice"]))


def test_a_bomb_is_not_unpacked(client: TestClient) -> None:
    bomb = gzip.compress(b'{"tasks": "' + b" " * 50_000_000 + b'"}')
    begun = time.perf_counter()
    answer = send(client, "/predict", bomb, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 422
    assert time.perf_counter() - begun < 1.0


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "", "é"])
def test_the_name_of_the_content_does_not_matter(client: TestClient, kind: str) -> None:
    headers = {"Content-Type": kind.encode()}
    answer = client.post("/predict", content=b'{"tasks": []}', headers=headers)  # type: ignore[arg-type]
    assert answer.json() == {"results": []}


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, dump: Callable[[], Dump], path: str
) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1000)
    before = dump()
    assert send(client, path, b" " * 1001).status_code == 413
    assert dump() == before


def test_sixty_four_megabytes_are_taken_and_one_more_byte_is_not(client: TestClient) -> None:
    most = bodies.MAX_BODY_BYTES
    start, end = b'{"tasks": [], "params": "', b'"}'
    whole = start + b"x" * (most - len(start) - len(end)) + end
    assert client.post("/predict", content=whole).json() == {"results": []}
    assert client.post("/predict", content=whole + b" ").status_code == 413


def test_a_webhook_with_the_secret_is_read_as_carefully(
    client: TestClient, dump: Callable[[], Dump]
) -> None:
    headers = SECRET | {"Authorization": ""}
    before = dump()
    assert client.post("/webhook", content=b"{", headers=headers).status_code == 422
    assert dump() == before


async def stream(app: FastAPI, headers: dict[str, str], *, waits: bool) -> tuple[int, int]:
    """Send pieces without end, or one and then nothing; (status, pieces that were read)."""
    read, statuses = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        if waits and read > 1:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"[" * 400, "more_body": True}

    async def remember(message: MutableMapping[str, Any]) -> None:
        statuses.append(message.get("status"))

    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/webhook"}
    await app(scope | {"headers": sent, "query_string": b""}, receive, remember)
    return statuses[0] or 0, read


@pytest.mark.parametrize(
    ("headers", "waits", "expected"),
    [
        pytest.param(BASIC, False, (413, 3), id="endless"),  # 3 times 400 is more than 1000
        pytest.param(BASIC, True, (408, 2), id="stops"),
        pytest.param({}, False, (401, 0), id="nobody"),
    ],
)
def test_no_more_of_a_body_is_read_than_needed(
    app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
    dump: Callable[[], Dump],
    headers: dict[str, str],
    waits: bool,  # noqa: FBT001 - a parameter
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1000)
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    before = dump()
    assert asyncio.run(stream(app, headers, waits=waits)) == expected
    assert dump() == before


def given_calls() -> list[Any]:
    calls = []
    for file in sorted(Path(GIVEN).glob("*.json")) if GIVEN else ():
        rows = json.loads(file.read_text("utf-8"))
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, dict) and row.get("method") == "POST" and row.get("body"):
                calls.append(pytest.param(row["path"], row["body"], id=f"{file.stem}-{number}"))
    return calls


@pytest.mark.skipif(not GIVEN, reason="UNDERSTUDY_PAYLOADS names no folder of payloads")
@pytest.mark.parametrize(("path", "body"), given_calls())
@pytest.mark.parametrize("number", [INTENT, OTHER])
def test_what_label_studio_really_sent_is_answered(
    client: TestClient, workshop: Workshop, path: str, body: dict[str, Any], number: int
) -> None:
    if isinstance(body.get("project"), dict):
        body["project"]["id"] = number
    elif "project" in body:
        body["project"] = f"{number}.1795364291"
    path = "/webhook" if path == "/hook" else path
    answer = send(client, path, seeds.as_bytes(body))
    foreign = number == INTENT and path == "/setup"
    assert answer.status_code == (422 if foreign else 201 if path == "/webhook" else 200)
    digesting.digest(workshop, INTENT)
    assert failed(workshop) == []
