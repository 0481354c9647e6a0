"""/predict under the labelling config that Label Studio sends, and with models that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend_ml import predicting
from backend_ml.learners.base import Guess, Guesses
from projects.kinds import registry
from projects.vocabulary import Mark
from tests.abuse.conftest import DETAILS, INTENT
from tests.support.wire import task

CONFIG = registry.load("intent").label_config
OTHER_CONTROL = CONFIG.replace('name="intent"', 'name="other"')
OTHER_TAG = CONFIG.replace("<Choices", "<Taxonomy").replace("</Choices", "</Taxonomy")
SEVERAL = CONFIG.replace('choice="single"', 'choice="multiple"')
OTHER_FIELD = CONFIG.replace('value="$text"', 'value="$body"')
BOMB = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'


def ask(client: TestClient, config: Any, *, project: int = INTENT) -> Any:
    body = {"tasks": [task(1), task(2)], "project": f"{project}.1", "label_config": config}
    return client.post("/predict", json=body)


def failures(client: TestClient) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("understudy_backend_ml_predict_failures_total{")
    )


@pytest.mark.parametrize(
    "config", [OTHER_CONTROL, OTHER_TAG, SEVERAL, OTHER_FIELD, "<View>", "x", BOMB]
)
def test_a_config_that_the_kind_cannot_serve_gets_nothing(client: TestClient, config: str) -> None:
    answer = ask(client, config)
    assert (answer.status_code, answer.json()) == (200, {"results": [[], []]})


@pytest.mark.parametrize("config", [OTHER_CONTROL, OTHER_TAG, SEVERAL, OTHER_FIELD, "<View>", BOMB])
def test_setup_says_what_is_wrong_with_it_and_where(client: TestClient, config: str) -> None:
    answer = client.post("/setup", json={"project": f"{INTENT}.1", "schema": config})
    assert answer.status_code == 422
    assert "schema" in answer.json()["detail"]


def test_a_text_of_another_field_is_named(client: TestClient) -> None:
    """The kind would read nothing, and abstain from every task without a word."""
    assert OTHER_FIELD != CONFIG
    answer = client.post("/setup", json={"project": f"{INTENT}.1", "schema": OTHER_FIELD})
    detail = answer.json()["detail"]
    assert "'$body'" in detail
    assert "'$text'" in detail


@pytest.mark.parametrize("config", [5, [], {}, True])
def test_a_config_of_another_type_is_refused(client: TestClient, config: Any) -> None:
    assert ask(client, config).status_code == 422


@pytest.mark.parametrize("config", [None, "", CONFIG, f"\n  {CONFIG} \n"])
def test_the_known_config_is_served(client: TestClient, config: Any) -> None:
    results = ask(client, config).json()["results"]
    assert [item["result"][0]["value"]["choices"] for item in results] == [["Cancel"]] * 2


def test_a_label_that_was_taken_out_is_not_suggested(client: TestClient) -> None:
    without = CONFIG.replace('<Choice value="Cancel" hotkey="3"/>', "")
    assert without != CONFIG
    assert ask(client, without).json() == {"results": [[], []]}
    assert ask(client, CONFIG).json()["results"][0]["result"] != []


def test_an_added_label_changes_nothing(client: TestClient) -> None:
    more = CONFIG.replace("</Choices>", '<Choice value="Brand new"/></Choices>')
    assert ask(client, more).json() == ask(client, CONFIG).json()


def test_a_config_is_read_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    more = CONFIG.replace("</Choices>", '<Choice value="Read once"/></Choices>')
    ask(client, more)

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("projects.kinds.base.check_config", fail)
    assert ask(client, more).json()["results"][0] != []


@pytest.fixture
def guessing(app: FastAPI, client: TestClient) -> Iterator[Callable[[Any], None]]:
    """Let the intent project be served by any function of texts from now on, for one test."""
    ask(client, CONFIG)
    held = app.state.serving._loaded[INTENT]

    def use(function: Callable[[Sequence[str]], Guesses]) -> None:
        learner = type("Made", (), {"predict": staticmethod(function)})()
        app.state.serving._loaded[INTENT] = predicting._Held(held.version, held.config, learner)

    yield use
    app.state.serving._loaded[INTENT] = held


def crash(_: Sequence[str]) -> Guesses:
    raise ZeroDivisionError("text of somebody")


def too_few(_: Sequence[str]) -> Guesses:
    return Guesses(())


def no_number(texts: Sequence[str]) -> Guesses:
    return Guesses(tuple(Guess((Mark("intent", "Cancel"),), float("nan"), (0.5,)) for _ in texts))


def no_guesses(_: Sequence[str]) -> Any:
    return None


@pytest.mark.parametrize("function", [crash, too_few, no_number, no_guesses])
def test_a_model_that_fails_costs_the_annotator_nothing_and_is_counted(
    client: TestClient, guessing: Callable[[Any], None], function: Any
) -> None:
    before = failures(client)
    guessing(function)
    answer = ask(client, CONFIG)
    assert (answer.status_code, answer.json()) == (200, {"results": [[], []]})
    assert failures(client) == before + 1


def test_marks_that_the_model_doubts_are_not_suggested(
    client: TestClient, guessing: Callable[[Any], None]
) -> None:
    """``make_settings`` leaves ``abstain_below`` at its default of 0.1."""
    shares = iter((0.11, 0.09))
    guessing(
        lambda texts: Guesses(
            tuple(Guess((Mark("intent", "Cancel"),), 0.5, (next(shares),)) for _ in texts)
        )
    )
    first, second = ask(client, CONFIG).json()["results"]
    assert first["result"][0]["score"] == 0.11
    assert second == []


def test_projects_of_different_kinds_keep_apart(client: TestClient) -> None:
    config = registry.load("details").label_config
    results = ask(client, config, project=DETAILS).json()["results"]
    assert {region["type"] for region in results[0]["result"]} == {"labels"}
    assert ask(client, config, project=INTENT).json() == {"results": [[], []]}
