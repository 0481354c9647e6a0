"""What people write appears in no log, no metric and no error that is kept, whatever fails."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from fastapi.testclient import TestClient

from backend_ml import digesting, events, publishing, retraining, worker
from backend_ml.learners.choice_linear import ChoiceLinear
from backend_ml.tables import Event, MarkRow
from projects.kinds.base import Kind
from projects.kit import logs
from projects.kit.database import transaction
from projects.kit.errors import LabelStudioRefused
from tests.abuse import seeds
from tests.abuse.conftest import INTENT
from tests.backend_ml.conftest import Desk

CANARY = "canary-7f3a please-cancel-the-call"
Output = Callable[[], str]


class Quoting(Exception):
    """An error that quotes what it was given, as libraries do."""

    def __init__(self, *_: object) -> None:
        super().__init__(CANARY)


@pytest.fixture
def output() -> Iterator[Output]:
    """Everything that was logged, as in production."""
    handlers, level = logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    with redirect_stdout(written):
        logs.configure(service="test", level="DEBUG")
    yield written.getvalue
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def fail(*_: object, **__: object) -> Any:
    raise Quoting


def predicted(client: TestClient, body: Any) -> str:
    return client.post("/predict", content=seeds.as_bytes(body)).text


def test_the_web_process_quotes_nobody(
    client: TestClient, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = seeds.called(None, [{"id": 1, "data": {"text": CANARY}}])
    assert "Cancel" in predicted(client, asked)
    told = seeds.heard("ANNOTATION_CREATED", annotation=seeds.annotation(77), task=seeds.task(77))
    told["task"]["data"]["text"] = CANARY
    answers = [
        predicted(client, asked | {"project": CANARY}),
        predicted(client, asked | {"label_config": f"<View>{CANARY}"}),
        predicted(client, asked | {"tasks": CANARY}),
        client.post("/predict", content=f'{{"tasks": "{CANARY}').text,
        client.post("/webhook", json=told | {"annotation": [CANARY]}).text,
        client.post("/webhook", json=told | {"annotation": {"id": CANARY}}).text,
        client.post("/webhook", json=told | {"project": {"id": CANARY}}).text,
        client.post("/setup", json={"project": f"{INTENT}.1", "schema": f"<a>{CANARY}"}).text,
    ]
    monkeypatch.setattr("backend_ml.intake.Inbox.take", fail)
    answers.append(client.post("/webhook", json=told).text)
    monkeypatch.setattr("backend_ml.predicting.Serving.predict", fail)
    answers.append(predicted(client, asked))
    answers.append(client.get("/metrics").text)
    assert 'error="Quoting"' in answers[-1]
    written = output()
    assert "predict.failed" in written
    assert "request.failed" in written
    assert CANARY not in written
    assert [answer for answer in answers if CANARY in answer] == []


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A project with labels, whose worker has looked once."""
    made = make_desk(tasks=60)
    made.answer(40)
    made.hear()
    return made


def last_error(desk: Desk) -> str:
    with transaction(desk.workshop.sessions) as session:
        return str(session.get_one(MarkRow, desk.project_id).last_error)


def test_an_event_that_cannot_be_handled_is_not_quoted(
    desk: Desk, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = seeds.heard("ANNOTATION_CREATED", annotation=seeds.annotation(), task=seeds.task())
    heard = events.read(body | {"project": {"id": desk.project_id}}, desk.kind)
    assert heard is not None
    with transaction(desk.workshop.sessions) as session:
        events.record_once(session, heard, now=desk.clock())
    monkeypatch.setattr(Kind, "read", fail)
    digesting.digest(desk.workshop, desk.project_id)
    desk.workshop.studio.import_tasks(
        desk.project_id, [{"data": {"text": CANARY, "heading": "", "context": ""}}]
    )
    worker._reconcile(desk.workshop)
    with transaction(desk.workshop.sessions) as session:
        kept = session.scalars(sa.select(Event.error)).all()
    written = output()
    assert kept == ["Quoting"]
    assert "event.failed" in written
    assert CANARY not in written


def test_a_training_that_fails_is_not_quoted(
    desk: Desk, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChoiceLinear, "fit", fail)
    with pytest.raises(Quoting) as failed:
        desk.train("first")
    retraining.record_failure(desk.workshop, desk.project_id, failed.value)
    assert last_error(desk)
    assert CANARY not in last_error(desk)
    assert CANARY not in output()


def test_what_label_studio_refuses_is_not_quoted(
    desk: Desk, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.train("first") is not None

    def refuse(*_: object) -> None:
        raise LabelStudioRefused("predictions", 400, CANARY)

    monkeypatch.setattr("projects.kit.label_studio.LabelStudioWriter.push_predictions", refuse)
    with pytest.raises(LabelStudioRefused) as failed:
        publishing.publish(desk.workshop, desk.project_id)
    retraining.record_failure(desk.workshop, desk.project_id, failed.value)
    assert "LabelStudioRefused" in last_error(desk)
    assert CANARY not in last_error(desk)
    assert CANARY not in output()
