"""Nobody who answers in Label Studio waits for our database, and nothing is lost by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sandbox_sync import inbox
from sandbox_sync.api import webhooks
from tests.sandbox_sync.house import ADA, INTENT, PRODUCTION_SECRET, House, choice, running_house
from tests.sandbox_sync.test_answers import rows, tell

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running_house(tmp_path) as built:
        yield built


def in_order(house: House, monkeypatch: pytest.MonkeyPatch, body: bytes) -> list[str]:
    """What happens one after the other when somebody tells us this of production's project."""
    happened: list[str] = []
    monkeypatch.setattr(inbox, "answered", lambda *_: happened.append("recorded"))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/webhooks/production/{house.projects['intent']}",
        "query_string": b"",
        "headers": [(b"x-understudy-secret", PRODUCTION_SECRET.encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            happened.append("acknowledged")

    asyncio.run(house.client.app(scope, receive, send))  # type: ignore[arg-type]
    return happened


def test_an_answer_is_acknowledged_before_it_is_recorded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"action": "ANNOTATION_CREATED"}'
    assert in_order(house, monkeypatch, body) == ["acknowledged", "recorded"]


def test_who_tells_of_very_many_projects_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_TO_RECORD", 0)
    body = b'{"action": "ANNOTATION_CREATED"}'
    assert in_order(house, monkeypatch, body) == ["recorded", "acknowledged"]


@pytest.mark.parametrize("source", ["production", "sandbox"])
def test_a_known_project_and_an_unknown_one_are_told_the_same(house: House, source: str) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    mine = house.projects["intent"]
    if source == "sandbox":
        mine = house.sandbox.store.tasks[house.clone_of(ADA, task)].project
    answers = [tell(house, source, number) for number in (mine, 987_654)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert len(rows(house)) == 1


def test_what_cannot_be_recorded_is_found_by_the_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()

    def locked(*_: object) -> None:
        raise OSError("private words")

    with monkeypatch.context() as patch, capture_logs() as said:
        patch.setattr(inbox, "answered", locked)
        house.answer("intent", task, choice(ONE))
        house.drain()
    told = [entry for entry in said if entry["event"] == "event.not_recorded"]
    assert [(e["log_level"], e["source"], e["error"]) for e in told] == [
        ("warning", "production", "OSError")
    ]
    assert "private words" not in str(said)
    assert house.summary()["comparisons"] == 0
    house.reconcile()
    assert house.summary()["comparisons"] == 1
