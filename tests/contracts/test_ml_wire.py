"""What Label Studio needs of a machine-learning backend, request by request."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import SecretStr

from backend_ml.app import create_app
from backend_ml.learners.base import Guess, Guesses
from backend_ml.settings import Settings
from backend_ml.tables import Event
from projects.kinds import registry
from projects.kit import database
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Mark, prediction_from_json
from tests.backend_ml.conftest import make_settings
from tests.support.wire import BASIC, SECRET, serve, task

INTENT, DETAILS, OTHER = 1, 2, 99
METRICS_KEY = "the-key-of-prometheus"
CONFIG = registry.load("intent").label_config
DETAILS_CONFIG = registry.load("details").label_config
FOREIGN = (
    '<View><Text name="t" value="$t"/>'
    '<Choices name="c" toName="t"><Choice value="A"/></Choices></View>'
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("wire")
    return make_settings(
        folder,
        projects={INTENT: "intent", DETAILS: "details", 3: "intent"},
        metrics_key=SecretStr(METRICS_KEY),
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    for project_id, kind_name in ((INTENT, "intent"), (DETAILS, "details")):
        serve(settings, project_id, registry.load(kind_name))
    with TestClient(app, headers=BASIC, raise_server_exceptions=False) as made:
        yield made
    app.state.close()


def ask(client: TestClient, project: Any, tasks: Any) -> Any:
    body = {
        "tasks": tasks,
        "project": project,
        "label_config": DETAILS_CONFIG if str(project).startswith(f"{DETAILS}.") else CONFIG,
        "params": {"login": None, "password": None, "context": None},
    }
    return client.post("/predict", json=body)


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_needs_no_credential(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Authorization": ""})
    assert answer.json() == {"status": "UP", "model_class": "Understudy"}


def test_health_is_instant(client: TestClient) -> None:
    begun = time.perf_counter()
    for _ in range(20):
        client.get("/health")
    assert (time.perf_counter() - begun) / 20 < 0.1


@pytest.mark.parametrize("project_id", [INTENT, DETAILS])
def test_setup_names_the_version_that_predict_stamps(client: TestClient, project_id: int) -> None:
    config = registry.load("intent" if project_id == INTENT else "details").label_config
    body = {
        "project": f"{project_id}.1795364291",
        "schema": config,
        "hostname": "http://localhost:8080",
        "access_token": "0" * 40,
        "extra_params": {"a": 1},
    }
    version = client.post("/setup", json=body).json()["model_version"]
    item = ask(client, f"{project_id}.1795364291", [task(1)]).json()["results"][0]
    assert isinstance(version, str)
    assert version
    assert item["model_version"] == version


@pytest.mark.parametrize("project", ["3.1795364291", f"{OTHER}.1795364291", None])
def test_setup_without_a_model_answers_an_empty_version(client: TestClient, project: Any) -> None:
    answer = client.post("/setup", json={"project": project, "schema": CONFIG})
    assert (answer.status_code, answer.json()) == (200, {"model_version": ""})


def test_setup_of_nothing_is_accepted(client: TestClient) -> None:
    assert client.post("/setup", json={}).status_code == 200


@pytest.mark.parametrize("schema", [FOREIGN, "<View>", "no config", 5])
def test_setup_refuses_a_config_that_cannot_be_served(client: TestClient, schema: Any) -> None:
    answer = client.post("/setup", json={"project": "1.1", "schema": schema})
    assert answer.status_code == 422
    assert "schema" in answer.json()["detail"]


@pytest.mark.parametrize("project_id", [INTENT, DETAILS])
def test_predictions_have_the_form_that_label_studio_stores(
    client: TestClient, project_id: int
) -> None:
    tasks = [task(1), task(2, "could you move my slot with Ann Lee to 12 May 😀 cheers"), task(3)]
    results = ask(client, f"{project_id}.1", tasks).json()["results"]
    assert len(results) == 3
    for sent, item in zip(tasks, results, strict=True):
        assert isinstance(item["model_version"], str)
        assert isinstance(item["score"], float)
        assert 0.0 <= item["score"] <= 1.0
        assert all(isinstance(region["score"], float) for region in item["result"])
        kind = registry.load("intent" if project_id == INTENT else "details")
        answer = kind.read(prediction_from_json(item).regions, sent["data"])
        assert len(answer) == len(item["result"]) > 0


def test_results_come_in_the_order_of_tasks(client: TestClient) -> None:
    tasks = [task(1), task(2, "can we set up a meeting with Bo Monday"), task(3)]
    results = ask(client, "1.1", tasks).json()["results"]
    found = [item["result"][0]["value"]["choices"][0] for item in results]
    assert found == ["Cancel", "New meeting", "Cancel"]


@pytest.mark.parametrize("project", ["3.1", f"{OTHER}.1", None, ""])
def test_abstains_where_nothing_serves(client: TestClient, project: Any) -> None:
    answer = ask(client, project, [task(1), task(2)])
    assert (answer.status_code, answer.json()) == (200, {"results": [[], []]})


@pytest.mark.parametrize("data", [{}, {"text": ""}, {"other": "x"}, None, "text"])
def test_abstains_from_a_task_without_a_text(client: TestClient, data: Any) -> None:
    results = ask(client, "1.1", [{"id": 1, "data": data}, task(2)]).json()["results"]
    assert results[0] == []
    assert results[1] != []


def test_no_tasks_no_results(client: TestClient) -> None:
    assert ask(client, "1.1", []).json() == {"results": []}


def test_a_single_task_may_come_alone(client: TestClient) -> None:
    assert len(ask(client, "1.1", task(1)).json()["results"]) == 1


def test_interactive_calls_are_answered_too(client: TestClient) -> None:
    body = {"tasks": [task(1)], "project": "1.1", "params": {"context": {"result": []}}}
    assert len(client.post("/predict", json=body).json()["results"]) == 1


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "detail"}


@pytest.mark.parametrize("project", [[], {}, 1.5, True, "x.1", "-1", "9" * 40])
def test_a_project_of_another_type_is_refused(client: TestClient, project: Any) -> None:
    assert ask(client, project, []).status_code == 422


@pytest.mark.parametrize("tasks", [None, "x", 5, [1], [None], [[]]])
def test_tasks_of_another_type_are_refused(client: TestClient, tasks: Any) -> None:
    assert ask(client, "1.1", tasks).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/setup"), ("POST", "/predict"), ("POST", "/webhook"), ("GET", "/versions")],
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Basic !!"},
        {"Authorization": "Token user:password"},
        {"Authorization": "", SECRET_HEADER: "wrong"},
    ],
)
def test_without_the_credential_nothing_is_answered(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    assert client.request(method, path, json={}, headers=headers).status_code == 401


def test_versions_lists_what_served(client: TestClient) -> None:
    assert client.get("/versions").json() == {"versions": ["intent-0001", "details-0001"]}


def created(number: int = 7, **changes: Any) -> dict[str, Any]:
    moment = "2026-11-22T16:57:58.436174Z"
    annotation = {
        "id": number,
        "task": 1,
        "result": [],
        "was_cancelled": False,
        "created_at": moment,
        "updated_at": moment,
        "prediction": {},
        "completed_by": 1,
    } | changes
    task_row = {"id": 1, "data": {"text": "x"}, "created_at": moment}
    return {
        "action": "ANNOTATION_CREATED",
        "annotation": annotation,
        "task": task_row,
        "project": {"id": INTENT, "title": "t"},
    }


def events(settings: Settings) -> int:
    engine = database.make_engine(settings.database_url, immediate=False)
    with database.sessions(engine)() as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(Event))
    engine.dispose()
    return count or 0


def test_a_webhook_is_recorded_once(client: TestClient, settings: Settings) -> None:
    before = events(settings)
    headers = SECRET | {"Authorization": ""}
    for _ in range(3):
        assert client.post("/webhook", json=created(), headers=headers).status_code == 201
    assert events(settings) == before + 1


def test_a_webhook_is_acknowledged_quickly(client: TestClient) -> None:
    waits = []
    for number in range(100, 120):
        begun = time.perf_counter()
        client.post("/webhook", json=created(number))
        waits.append(time.perf_counter() - begun)
    assert sorted(waits)[10] < 0.3  # Label Studio gives up after one second


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "PROJECT_UPDATED", "project": {"id": INTENT}},
        {"action": "SOMETHING_NEW", "project": {"id": INTENT}},
        {"action": "ANNOTATION_CREATED", "project": {"id": INTENT}},
        {"action": "ANNOTATION_CREATED", "project": {"id": OTHER}},
        {"action": "TASKS_DELETED", "tasks": [], "project": {"id": INTENT}},
        {"action": 5, "project": {"id": INTENT}},
    ],
)
def test_what_we_do_not_use_is_acknowledged(
    client: TestClient, settings: Settings, body: dict[str, Any]
) -> None:
    before = events(settings)
    assert client.post("/webhook", json=body).is_success
    assert events(settings) == before


@pytest.mark.parametrize(
    "body",
    [
        created() | {"annotation": "x"},
        created() | {"task": [5]},
        created() | {"project": {"id": "x"}},
        created(id="x"),
        created(updated_at="yesterday"),
        created(result=[5]),
        created(result=5),
        created(prediction=5) | {"task": {"id": 1, "data": 5}},
        {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": None}], "project": {"id": INTENT}},
    ],
)
def test_wrong_types_are_refused_and_not_recorded(
    client: TestClient, settings: Settings, body: dict[str, Any]
) -> None:
    before = events(settings)
    assert client.post("/webhook", json=body).status_code == 422
    assert events(settings) == before


def test_a_confidence_that_is_no_number_never_reaches_label_studio(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio refuses such an answer, and with it the annotator's next task."""
    broken = Guess((Mark("intent", "Cancel"),), 0.9, (math.nan,))
    monkeypatch.setattr(
        "backend_ml.learners.choice_linear.ChoiceLinear.predict",
        lambda _, texts: Guesses(tuple(broken for _ in texts)),
    )
    answer = ask(client, f"{INTENT}.1", [task(1)])
    assert (answer.status_code, answer.json()) == (200, {"results": [[]]})


def test_start_training_names_its_work(client: TestClient) -> None:
    body = {"action": "START_TRAINING", "project": {"id": INTENT, "title": "t"}}
    jobs = {client.post("/webhook", json=body).json()["job"] for _ in range(2)}
    assert len(jobs) == 2


def test_deletions_and_lists_are_recorded(client: TestClient, settings: Settings) -> None:
    before = events(settings)
    many = created(200) | {"action": "ANNOTATIONS_CREATED"}
    many["annotation"], many["task"] = [many["annotation"]], [many["task"]]
    gone = {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 3}, {"id": 4}]}
    for body in (many, gone | {"project": {"id": INTENT}}):
        assert client.post("/webhook", json=body).status_code == 201
    assert events(settings) == before + 2


def test_counts_are_for_operators(client: TestClient) -> None:
    for given in ("", "Bearer ", "Bearer None", "Bearer another-key-of-somebody"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
    with_key = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_KEY}"})
    assert with_key.status_code == 200
    text = client.get("/metrics").text  # with Label Studio's own credential
    for name in (
        "events_total",
        "oldest_unhandled_event_seconds",
        "predict_seconds_count",
        "stuck_events",
        "predictions",
    ):
        assert f"understudy_backend_ml_{name}" in text
