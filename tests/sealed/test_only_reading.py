"""sandbox_sync can only read production: by its client, its door, and what it really sends."""

from __future__ import annotations

import inspect
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from projects.kit import read_gateway
from projects.kit.errors import LabelStudioRefused, NotInLabelStudio
from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.kit.read_gateway import READABLE, ReadGatewaySettings
from sandbox_sync.workflows.room import Room
from tests.fakes.label_studio import FakeLabelStudio
from tests.sandbox_sync.house import ADA, INTENT, choice, running_house

DATA = {"text": "a", "heading": "", "context": ""}
KEY, TOKEN = "the-key-of-the-gateway", "the-token-of-production"
PIECES = "api tasks projects annotations 1 .. . %2e%2e %2f // next export invite token ;".split()


def test_the_reader_has_no_method_that_writes() -> None:
    names = {name for name, _ in inspect.getmembers(LabelStudioReader) if name[0] != "_"}
    written = {name for name in vars(LabelStudioWriter) if name[0] != "_"}
    assert names & written == set()
    assert "LabelStudioReader" in str(inspect.signature(Room))


def test_every_method_of_the_reader_only_gets(fake: FakeLabelStudio) -> None:
    writer = fake.writer()
    project = writer.create_project("A project", label_config=INTENT.label_config)
    (task,) = writer.import_tasks(
        project.id, [{"data": {"text": "a", "heading": "", "context": ""}}]
    )
    annotation = writer.create_annotation(task, [])
    fake.requests.clear()
    reader = fake.reader()
    values: dict[str, Any] = {"project_id": project.id, "task_id": task}
    values |= {"annotation_id": annotation.id, "path": "/data/upload/1/a.png", "max_bytes": 9}
    for name, method in inspect.getmembers(reader, inspect.ismethod):
        if name[0] != "_" and name != "close":
            asked = inspect.signature(method).parameters.values()
            needed = {one.name: values[one.name] for one in asked if one.default is one.empty}
            with suppress(LabelStudioRefused, NotInLabelStudio):  # the fake has not everything
                found = method(**needed)
                if inspect.isgenerator(found):
                    list(found)
    assert len(fake.requests) >= 6
    assert {method for method, _ in fake.requests} == {"GET"}


def test_a_whole_loop_only_gets_what_the_gateway_lets_through(tmp_path: Path) -> None:
    with running_house(tmp_path, hooks=False) as house:
        tasks = house.publish("intent", ["First", "Second"])
        house.production.requests.clear()
        house.reconcile(passes=3)
        sent = list(house.production.requests)
        house.answer("intent", tasks[0], choice(INTENT.labels[0]))
        house.practise(ADA, "intent", tasks[0], choice(INTENT.labels[1]))
        house.production.requests.clear()
        house.reconcile(passes=3)
        sent += house.production.requests
    assert len(sent) > 10
    assert [one for one in sent if one[0] != "GET" or not READABLE.fullmatch(one[1])] == []


@pytest.fixture(scope="module")
def gateway() -> tuple[TestClient, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    made = ReadGatewaySettings(
        label_studio_url="http://production.test",
        label_studio_token=SecretStr(TOKEN),
        key=SecretStr(KEY),
    )
    http = httpx.Client(transport=httpx.MockTransport(answer))
    app = read_gateway.create_app(made, http=http)
    return TestClient(app, raise_server_exceptions=False), asked


@settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(
    parts=st.lists(st.sampled_from(PIECES), max_size=6),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    override=st.sampled_from(["", "DELETE", "POST"]),
    query=st.sampled_from(["", "?_method=DELETE", "?project=1&fields=all", "?format=api"]),
)
def test_nothing_but_the_short_list_is_ever_asked_of_production(
    gateway: tuple[TestClient, list[httpx.Request]],
    parts: list[str],
    method: str,
    override: str,
    query: str,
) -> None:
    client, asked = gateway
    asked.clear()
    headers = {"Authorization": f"Token {KEY}", "Cookie": "sessionid=x", "X-Forwarded-Host": "e"}
    if override:
        headers |= {"X-HTTP-Method-Override": override, "X-Method-Override": override}
    client.request(method, "http://testserver/" + "/".join(parts) + query, headers=headers)
    for request in asked:
        assert request.method == "GET"
        assert READABLE.fullmatch(request.url.raw_path.decode().split("?")[0])
        assert request.headers["authorization"] == f"Token {TOKEN}"
        assert not {"cookie", "x-http-method-override", "x-method-override"} & set(request.headers)
        assert request.content == b""
