"""label-studio-ml 1.0.9 itself: its models in our server, and its server beside ours.

One and the same trained model is served by both, so that what is asked of both is the
wire alone. What upstream's server does otherwise is written down at the end.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from backend_ml.app import create_app
from backend_ml.settings import Settings
from projects.kinds import registry
from projects.kinds.base import HostedModel
from projects.vocabulary import prediction_from_json
from tests.backend_ml.conftest import make_settings
from tests.backend_ml.corpus import messages
from tests.hosting.servers import genuine_server
from tests.support.kinds import HOSTED
from tests.support.wire import BASIC, serve, task

KIND = registry.load("intent")
PROJECT = "1.1795364291"
OTHER = "2.1795364291"
MODEL = f"{HOSTED / 'counting.py'}:Counting"
ANNOTATION = {
    "id": 7,
    "task": 1,
    "project": 1,
    "result": [],
    "was_cancelled": False,
    "created_at": "2026-11-22T16:57:58.436174Z",
    "updated_at": "2026-11-22T16:57:58.436174Z",
    "prediction": {},
    "completed_by": 1,
}
TASK = task(1) | {"created_at": ANNOTATION["created_at"]}
FIRST = "1700000000"
"""Its versions are the seconds at which they were made."""
Client = TestClient | httpx.Client


@pytest.fixture(scope="module")
def settings(genuine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = make_settings(tmp_path_factory.mktemp("ours"), projects={1: "intent", 2: "intent"})
    chosen = {"learners": {1: f"label_studio_ml:{MODEL}"}, "host_python": genuine_python}
    return Settings(**made.model_dump() | chosen)


@pytest.fixture(scope="module")
def ours(settings: Settings) -> Iterator[TestClient]:
    """Our server; project 1 is served by a model that stands on the genuine package."""
    app = create_app(settings)
    kind = settings.kind_of(1)
    assert kind is not None
    serve(settings, 1, kind)
    with TestClient(app, headers=BASIC) as made:
        yield made
    app.state.close()


@pytest.fixture(scope="module")
def start_theirs(
    ours: TestClient,
    settings: Settings,
    genuine_python: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], httpx.Client]]:
    """Starts the package's own Flask server with the very model that ours serves."""
    with ExitStack() as running:

        def start() -> httpx.Client:
            folder = tmp_path_factory.mktemp("theirs")
            with zipfile.ZipFile(next(settings.models_dir.rglob("model_dir.zip"))) as saved:
                saved.extract("workdir/counts.json", folder)
            finished = folder / FIRST
            finished.mkdir()
            result = {"file": str(folder / "workdir" / "counts.json")}
            (finished / "job_result.json").write_text(json.dumps(result))
            return running.enter_context(genuine_server(genuine_python, MODEL, folder))

        yield start


@pytest.fixture(scope="module")
def theirs(start_theirs: Callable[[], httpx.Client]) -> httpx.Client:
    return start_theirs()


@pytest.fixture(scope="module")
def theirs_learning(start_theirs: Callable[[], httpx.Client]) -> httpx.Client:
    """Another one, which hears of labels: that changes what it answers."""
    return start_theirs()


@pytest.fixture(params=["ours", "theirs"])
def server(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


@pytest.fixture(params=["ours", "theirs_learning"])
def learning(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


def set_up(client: Client, project: str = PROJECT) -> Any:
    body = {
        "project": project,
        "schema": KIND.label_config,
        "hostname": "http://localhost:8080",
        "access_token": "0" * 40,
        "extra_params": None,
    }
    return client.post("/setup", json=body)


def ask(client: Client, *texts: str, project: str = PROJECT) -> Any:
    body = {
        "tasks": [task(number, text) for number, text in enumerate(texts, 1)],
        "project": project,
        "label_config": KIND.label_config,
        "params": {"login": None, "password": None, "context": None},
    }
    return client.post("/predict", json=body)


def hook(client: Client, action: str, **more: Any) -> Any:
    project = {"id": 1, "title": "t", "label_config": KIND.label_config}
    return client.post("/webhook", json={"action": action, "project": project} | more)


def test_a_genuine_model_learns_in_our_training_and_answers_over_http(ours: TestClient) -> None:
    rows = messages(20, seed=5)
    results = ask(ours, *(text for text, _, _ in rows)).json()["results"]
    right = 0
    for (text, choice, _), item in zip(rows, results, strict=True):
        assert item["model_version"] == "intent-0001"
        assert 0.0 <= item["score"] <= 1.0
        answer = KIND.read(prediction_from_json(item).regions, {"text": text})
        right += answer == choice
    assert right >= 16  # of 20; the words of an intent are its own


def test_it_stands_on_the_genuine_package(settings: Settings, tmp_path: Path) -> None:
    from backend_ml.hosting.host import Host

    (tmp_path / "where.py").write_text(
        "import label_studio_ml.model as m\n"
        "class Where(m.LabelStudioMLBase):\n"
        "    def predict(self, tasks, **kwargs):\n"
        "        return [{'result': [{'file': m.__file__}], 'score': 1}] * len(tasks)\n"
    )
    hosted = HostedModel(f"{tmp_path / 'where.py'}:Where", settings.host_python)
    host = Host(hosted, model_dir=tmp_path, label_config=KIND.label_config)
    (item,) = host.predict([task(1)])
    host.close()
    assert "/site-packages/label_studio_ml/model.py" in item["result"][0]["file"]


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health(server: Client, path: str) -> None:
    answer = server.get(path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "UP"


def test_setup_names_a_version(server: Client) -> None:
    answer = set_up(server)
    assert answer.status_code == 200
    assert str(answer.json()["model_version"])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_one_result_a_task(server: Client, count: int) -> None:
    set_up(server)
    assert len(ask(server, *["please cancel the call"] * count).json()["results"]) == count


def test_results_are_what_label_studio_stores(server: Client) -> None:
    set_up(server)
    (item,) = ask(server, "please cancel the call with Bo tomorrow").json()["results"]
    assert isinstance(item["score"], float)
    (region,) = item["result"]
    assert {key: region[key] for key in ("from_name", "to_name", "type", "value")} == {
        "from_name": "intent",
        "to_name": "message",
        "type": "choices",
        "value": {"choices": ["Cancel"]},
    }


def test_both_give_the_same_answers(ours: TestClient, theirs: httpx.Client) -> None:
    texts = [text for text, _, _ in messages(20, seed=6)]
    found = []
    for client in (ours, theirs):
        set_up(client)
        results = ask(client, *texts).json()["results"]
        found.append(
            [(item["result"][0]["value"], pytest.approx(item["score"])) for item in results]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "ANNOTATION_UPDATED"])
def test_webhooks_are_taken(learning: Client, action: str) -> None:
    assert hook(learning, action, annotation=ANNOTATION, task=TASK).status_code == 201


def test_start_training_names_its_work(learning: Client) -> None:
    answer = hook(learning, "START_TRAINING")
    assert answer.is_success
    assert isinstance(answer.json(), dict)


class TestWhatUpstreamDoesOtherwise:
    """By design of its server, not of our tests: each is right with us, above or here."""

    def test_it_lists_no_versions(self, ours: TestClient, theirs: httpx.Client) -> None:
        assert ours.get("/versions").json() == {"versions": ["intent-0001"]}
        assert theirs.get("/versions").status_code == 405

    def test_predictions_do_not_carry_their_version(
        self, ours: TestClient, theirs: httpx.Client
    ) -> None:
        assert ask(ours, "cancel").json()["results"][0]["model_version"] == "intent-0001"
        set_up(theirs)
        assert "model_version" not in ask(theirs, "cancel").json()["results"][0]

    def test_one_model_answers_for_all_projects(
        self, ours: TestClient, theirs: httpx.Client
    ) -> None:
        assert ask(ours, "cancel", project=OTHER).json() == {"results": [[]]}
        set_up(theirs)
        assert ask(theirs, "cancel", project=OTHER).json()["results"] != [[]]

    def test_a_label_makes_it_forget_the_others(self, theirs_learning: httpx.Client) -> None:
        hook(theirs_learning, "ANNOTATION_CREATED", annotation=ANNOTATION, task=TASK)
        results: Any = None
        for _ in range(200):
            set_up(theirs_learning)
            # An error has no results: it gives one while its own process writes the new version.
            results = ask(theirs_learning, "cancel").json().get("results")
            if results == []:
                break
            time.sleep(0.2)
        assert results == []  # it gave fit() no tasks

    def test_anybody_may_ask(self, ours: TestClient, theirs: httpx.Client) -> None:
        unsigned = ours.post("/setup", json={}, headers={"Authorization": ""})
        assert unsigned.status_code == 401
        assert set_up(theirs).status_code == 200

    def test_a_broken_body_shows_its_insides(self, ours: TestClient, theirs: httpx.Client) -> None:
        set_up(theirs)
        body = {"tasks": 5, "project": PROJECT}
        refused = ours.post("/predict", json=body)
        assert (refused.status_code, set(refused.json())) == (422, {"error", "detail"})
        failed = theirs.post("/predict", json=body)
        assert failed.status_code == 500
        assert "Traceback" in failed.text
