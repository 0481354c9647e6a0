"""A model of somebody's own on the whole way from labels to what annotators are shown."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend_ml import model_store, publishing
from backend_ml.app import create_app
from backend_ml.hosting.host import HostedModelFailed
from backend_ml.settings import Settings
from tests.backend_ml.conftest import Desk, make_settings
from tests.support.kinds import HOSTED
from tests.support.wire import BASIC, serve, task


def test_it_is_trained_measured_promoted_and_published(make_desk: Callable[..., Desk]) -> None:
    place = f"label_studio_ml:{HOSTED / 'counting.py'}:Counting"
    desk = make_desk(tasks=60, learners={2: place}, host_python=sys.executable)
    assert desk.project_id == 2
    desk.answer(50)
    desk.hear()
    assert desk.train("t1") == "intent-0001"
    with desk.workshop.reading() as session:
        version = model_store.champion(session, 2)
    assert version is not None
    assert version.learner == "label_studio_ml"
    assert version.held_out is not None
    assert version.held_out >= 0.8
    assert publishing.publish(desk.workshop, 2) == 10  # all that have no answer
    assert {name for _, name in desk.stored()} == {"intent-0001"}


def test_one_that_cannot_learn_leaves_the_project_as_it_was(
    make_desk: Callable[..., Desk],
) -> None:
    place = f"label_studio_ml:{HOSTED / 'odd.py'}:NeverLearns"
    desk = make_desk(tasks=40, learners={2: place}, host_python=sys.executable)
    desk.answer(30)
    desk.hear()
    with pytest.raises(HostedModelFailed, match="fit: KeyError"):
        desk.train("t1")  # the worker records it, and tries again
    with desk.workshop.reading() as session:
        assert model_store.champion(session, 2) is None


def test_annotators_see_no_suggestion_and_no_error_when_it_dies(tmp_path: Path) -> None:
    made = make_settings(tmp_path, projects={1: "intent"}, host_python=sys.executable)
    place = f"label_studio_ml:{HOSTED / 'odd.py'}:Odd"
    settings = Settings(**made.model_dump() | {"learners": {1: place}})
    kind = settings.kind_of(1)
    assert kind is not None
    app = create_app(settings)
    serve(settings, 1, kind)
    with TestClient(app, headers=BASIC) as client:
        found = [
            client.post("/predict", json={"project": "1.1", "tasks": [task(1, text)]})
            for text in ("Cancel", "die", "Cancel")
        ]
    app.state.close()
    assert [answer.status_code for answer in found] == [200, 200, 200]
    (item,), gone, resting = (answer.json()["results"] for answer in found)
    assert (item["score"], item["model_version"]) == (0.75, "intent-0001")
    assert item["result"][0]["value"] == {"choices": ["Cancel"]}
    assert gone == resting == [[]]
