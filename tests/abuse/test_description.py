"""The OpenAPI description is true, whatever is sent: schemathesis makes up requests from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from tests.abuse.conftest import Dump
from tests.support.wire import BASIC

MOST_SECONDS = 5.0
WRONG = {"Authorization": "Basic eDp5"}
OPEN = ("GET /", "GET /health")
GUARDED = ("POST /setup", "POST /predict", "POST /webhook", "GET /versions", "GET /metrics")
QUICK = settings(
    max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def description(app: FastAPI) -> BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=BASIC)


def draw_case(data: st.DataObject, description: BaseSchema, operation: str, *, fit: bool) -> Any:
    """A request that fits the description of an operation, or one that does not."""
    method, path = operation.split(" ")
    mode = GenerationMode.POSITIVE if fit else GenerationMode.NEGATIVE
    return data.draw(description[path][method].as_strategy(generation_mode=mode))


@pytest.mark.parametrize("operation", OPEN + GUARDED)
@pytest.mark.parametrize("headers", [BASIC, WRONG], ids=["right", "wrong"])
@QUICK
@given(data=st.data())
def test_what_fits_the_description_gets_a_described_answer(
    operation: str,
    headers: dict[str, str],
    description: BaseSchema,
    dump: Callable[[], Dump],
    data: st.DataObject,
) -> None:
    before = dump()
    answer = draw_case(data, description, operation, fit=True).call_and_validate(headers=headers)
    assert answer.elapsed < MOST_SECONDS
    assert (answer.status_code == 401) == (headers is WRONG and operation in GUARDED)
    if answer.status_code >= 400:
        assert dump() == before


@pytest.mark.parametrize("operation", [name for name in GUARDED if name.startswith("POST")])
@QUICK
@given(data=st.data())
def test_what_does_not_fit_is_refused_or_ignored(
    operation: str, description: BaseSchema, dump: Callable[[], Dump], data: st.DataObject
) -> None:
    before = dump()
    answer = draw_case(data, description, operation, fit=False).call(headers=BASIC)
    assert answer.elapsed < MOST_SECONDS
    assert answer.status_code < 500
    if answer.status_code >= 400 or answer.json().get("status") == "ignored":
        assert dump() == before


def test_the_description_is_for_those_who_hold_the_credential(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    described = {
        f"{method.upper()} {path}" for path, item in found["paths"].items() for method in item
    }
    assert described == {*OPEN, *GUARDED}
    assert client.get("/openapi.json", headers=WRONG).status_code == 401
    for path in ("/docs", "/redoc"):
        assert client.get(path).status_code == 404


def test_every_operation_says_who_may_call_it(client: TestClient) -> None:
    paths: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            assert "security" in operation, path
            assert ("401" in operation["responses"]) == bool(operation["security"]), path
