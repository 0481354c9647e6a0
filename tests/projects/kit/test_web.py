"""Every error leaves an app in one shape, and without its insides."""

from __future__ import annotations

import pickle

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from projects.kit import errors, web
from projects.kit.errors import BadInput, NotSignedIn, PlatformError

SECRET = SecretStr("correct horse")


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    web.add_error_handlers(app)

    @app.get("/bad")
    def bad() -> None:
        raise BadInput("no such column", where="line 3")

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("insides that nobody should see")

    @app.get("/secret")
    def secret(given: str | None = None) -> str:
        web.check_secret(given, SECRET)
        return "in"

    @app.get("/number/{number}")
    def number(number: int) -> int:
        return number

    return TestClient(app, raise_server_exceptions=False)


def test_a_known_error_has_its_status_and_words(client: TestClient) -> None:
    answer = client.get("/bad")
    assert answer.status_code == 422
    assert answer.json() == {"error": "BadInput", "detail": "line 3: no such column"}


def test_an_unforeseen_error_shows_nothing_of_its_cause(client: TestClient) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert set(answer.json()) == {"error", "detail"}
    assert answer.json()["error"] == "InternalError"
    for inside in ("insides", "RuntimeError", "Traceback", ".py"):
        assert inside not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/number/many"])
def test_what_the_framework_refuses_has_the_same_shape(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {404, 422}
    assert set(answer.json()) == {"error", "detail"}
    assert isinstance(answer.json()["detail"], str)


def test_the_right_secret_opens(client: TestClient) -> None:
    assert client.get("/secret", params={"given": "correct horse"}).status_code == 200


@pytest.mark.parametrize("given", [None, "", "correct hors", "correct horse ", "日本"])
def test_any_other_secret_does_not(given: str | None) -> None:
    with pytest.raises(NotSignedIn):
        web.check_secret(given, SECRET)


def test_what_label_studio_answered_stays_out_of_the_log() -> None:
    error = errors.LabelStudioRefused("user 3", 400, "ada@example.org exists")
    assert error.in_logs() == "Label Studio refused user 3 (400)."
    assert errors.BadInput("what", "where").in_logs() == "where: what"


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownName("x", ("a", "b")),
        errors.BadInput("what", "where"),
        errors.NotSignedIn(),
        errors.LabelStudioUnavailable("what"),
        errors.LabelStudioRefused("what", 400, "why"),
        errors.NotInLabelStudio("task", 7),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_storage(error: PlatformError) -> None:
    restored = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert str(restored) == str(error)
    assert (restored.status, restored.retryable) == (error.status, error.retryable)
