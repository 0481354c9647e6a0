"""The read-only gateway: reading passes, everything else is refused before it gets anywhere."""

from __future__ import annotations

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import LabelStudioWriter
from projects.kit.read_gateway import ReadGatewaySettings, create_app

KEY = "the-key-of-the-gateway"
TOKEN = "the-token-of-production"


class Production:
    """Records what reaches it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.fails = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.fails:
            raise httpx.ConnectError("down")
        if request.url.params.get("page", "1") != "1":
            return httpx.Response(404, json={"detail": "Invalid page."})
        if request.url.path == "/api/projects/":
            row = {"id": 1, "title": "Message intent", "token": "s3cret", "task_data_password": "x"}
            return httpx.Response(200, json={"count": 1, "results": [row], "next": None})
        if request.url.path == "/api/tasks/7/":
            return httpx.Response(404, json={"detail": "no such task"})
        return httpx.Response(200, json={"path": request.url.path})


@pytest.fixture
def production() -> Production:
    return Production()


@pytest.fixture
def gateway(production: Production) -> TestClient:
    settings = ReadGatewaySettings(
        label_studio_url="http://production.test",
        label_studio_token=SecretStr(TOKEN),
        key=SecretStr(KEY),
    )
    http = httpx.Client(transport=httpx.MockTransport(production.answer))
    return TestClient(create_app(settings, http=http), raise_server_exceptions=False)


HEADERS = {"Authorization": f"Token {KEY}"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects/",
        "/api/projects/12/",
        "/api/tasks/?project=1&fields=all",
        "/api/tasks/3/annotations/",
        "/api/annotations/9/",
        "/data/upload/3/0a1b-photo.png",
        "/data/upload/3/0a1b-gr%C3%BC%C3%9Fe%20(2).png",
        "/data/local-files/?d=photos%2F1.png",
    ],
)
def test_reading_is_forwarded_with_productions_token(
    gateway: TestClient, production: Production, path: str
) -> None:
    assert gateway.get(path, headers=HEADERS).status_code == 200
    sent = production.requests[-1]
    assert sent.method == "GET"
    assert sent.headers["Authorization"] == f"Token {TOKEN}"
    assert sent.url.raw_path.decode() == path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_no_other_method_gets_through(
    gateway: TestClient, production: Production, method: str
) -> None:
    assert gateway.request(method, "/api/tasks/3/", headers=HEADERS).status_code == 403
    assert production.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/current-user/token",
        "/api/token/",
        "/api/invite",
        "/api/webhooks/",
        "/api/users/",
        "/api/ml/",
        "/api/projects/1/next",
        "/api/projects/1/export",
        "/api/projects/1/..%2f..%2finvite",
        "/api/projects/%2e%2e/invite",
        "/api/tasks/1/../../invite",
        "//api/invite",
        "/data/upload/3/..%2f..%2fkey.env",
        "/data/upload/3/%2e%2e",
        "/data/upload/3/a.png%3Fx=1",
        "/data/upload/3/a%00.png",
        "/data/upload/a.png",
        "/data/avatars/1.png",
        "/data/local-files/../../api/invite",
        "/",
    ],
)
def test_no_other_path_gets_through(gateway: TestClient, production: Production, path: str) -> None:
    assert gateway.get(path, headers=HEADERS).status_code == 403
    assert production.requests == []


@pytest.mark.parametrize("key", [None, "", "wrong", TOKEN])
def test_only_the_key_opens_it(
    gateway: TestClient, production: Production, key: str | None
) -> None:
    headers = {} if key is None else {"Authorization": f"Token {key}"}
    assert gateway.get("/api/projects/", headers=headers).status_code == 401
    assert production.requests == []


def test_tokens_inside_projects_are_left_out(gateway: TestClient) -> None:
    answer = gateway.get("/api/projects/", headers=HEADERS)
    assert answer.json()["results"] == [{"id": 1, "title": "Message intent"}]


def test_what_production_says_is_passed_on(gateway: TestClient) -> None:
    assert gateway.get("/api/tasks/7/", headers=HEADERS).status_code == 404


def test_production_being_down_is_told_as_such(gateway: TestClient, production: Production) -> None:
    production.fails = True
    answer = gateway.get("/api/projects/", headers=HEADERS)
    assert answer.status_code == 503
    assert answer.json()["error"] == "LabelStudioUnavailable"
    assert gateway.get("/health").status_code == 503


def test_a_writer_behind_it_can_only_read(gateway: TestClient) -> None:
    def pass_on(request: httpx.Request) -> httpx.Response:
        answer = gateway.request(
            request.method, str(request.url), content=request.content, headers=request.headers
        )
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    http = httpx.Client(transport=httpx.MockTransport(pass_on))
    writer = LabelStudioWriter("http://gateway.test", KEY, http=http)
    assert [project.title for project in writer.projects()] == ["Message intent"]
    with pytest.raises(LabelStudioRefused, match="403"):
        writer.update_project(1, title="changed")


def test_a_file_is_passed_on_byte_by_byte(production: Production) -> None:
    content = b'{"token": "part of the recording, not of a project"}'

    def answer(request: httpx.Request) -> httpx.Response:
        production.requests.append(request)
        return httpx.Response(200, content=content, headers={"content-type": "application/json"})

    settings = ReadGatewaySettings(
        label_studio_url="http://production.test",
        label_studio_token=SecretStr(TOKEN),
        key=SecretStr(KEY),
    )
    http = httpx.Client(transport=httpx.MockTransport(answer))
    found = TestClient(create_app(settings, http=http)).get(
        "/data/upload/3/a.json", headers=HEADERS
    )
    assert found.content == content
