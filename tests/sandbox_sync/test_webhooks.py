"""The receiver: who may call, what is stored, what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from projects.vocabulary import Json
from sandbox_sync import inbox
from sandbox_sync.db.tables import Event
from tests.sandbox_sync.house import OPERATOR, PRODUCTION_SECRET, SANDBOX_SECRET, House

EVENT: Json = {
    "action": "TASKS_DELETED",
    "tasks": [{"id": 3, "data": {"text": "private words"}}],
    "project": {"id": 1, "task_data_password": "hunter2"},
}


def post(house: House, source: str, secret: str | None, body: Any) -> tuple[int, Json]:
    headers = {} if secret is None else {"X-Understudy-Secret": secret}
    kind = "content" if isinstance(body, bytes) else "json"
    answer = house.client.post(f"/webhooks/{source}", headers=headers, **{kind: body})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("source", ["production", "sandbox"])
@pytest.mark.parametrize("secret", [None, "", "wrong", "é"])
def test_a_wrong_secret_is_refused(house: House, source: str, secret: str | None) -> None:
    headers = [] if secret is None else [(b"X-Understudy-Secret", secret.encode())]
    answer = house.client.post(f"/webhooks/{source}", headers=headers, json=EVENT)
    assert answer.status_code == 401
    assert answer.json()["error"] == "NotSignedIn"


def test_each_source_has_a_secret_of_its_own(house: House) -> None:
    assert post(house, "production", SANDBOX_SECRET, EVENT)[0] == 401
    assert post(house, "sandbox", PRODUCTION_SECRET, EVENT)[0] == 401
    assert post(house, "production", PRODUCTION_SECRET, EVENT) == (200, {"new": True})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[]", b"3", b'{"action": 3}', b"[" * 100_000]
)
def test_a_body_that_is_no_event_is_named(house: House, body: bytes) -> None:
    status, answer = post(house, "production", PRODUCTION_SECRET, body)
    assert status == 400
    assert answer["error"] == "NotAnEvent"


def test_only_ids_are_stored(house: House) -> None:
    post(house, "production", PRODUCTION_SECRET, EVENT)
    with house.room.transaction() as session:
        (event,) = session.scalars(select(Event)).all()
    assert event.hint == {"projects": [1], "tasks": [3], "annotations": []}
    assert event.handled_at is None


@pytest.mark.parametrize("action", ["LABEL_LINK_CREATED", "\ud800", "\u0000", "x" * 5000, ""])
@pytest.mark.parametrize("source", ["production", "sandbox"])
def test_an_action_we_do_not_use_is_not_stored(house: House, source: str, action: str) -> None:
    body = json.dumps({"action": action, "tasks": [{"id": 1}]}).encode()
    secret = PRODUCTION_SECRET if source == "production" else SANDBOX_SECRET
    assert post(house, source, secret, body) == (200, {"new": False})
    with house.room.transaction() as session:
        assert session.scalars(select(Event)).all() == []
    assert house.acceptor.waiting == []


@pytest.mark.parametrize("odd", ["\ud800", "\u0000", [["\ud800"]], {"\u0000": 1}, 1e400, -1])
def test_odd_ids_are_no_ids(house: House, odd: object) -> None:
    rows = {"id": odd, "task": odd, "updated_at": odd, "prediction": {"id": odd}}
    body = {"annotations": [rows], "tasks": [rows], "project": rows}
    deleted = json.dumps({"action": "ANNOTATIONS_DELETED"} | body).encode()
    assert post(house, "sandbox", SANDBOX_SECRET, deleted) == (200, {"new": True})
    answered = json.dumps({"action": "ANNOTATION_CREATED"} | body).encode()
    assert post(house, "sandbox", SANDBOX_SECRET, answered) == (202, {"accepted": True})
    house.drain()
    assert house.summary()["unhandled_events"] == 0


def test_an_event_and_its_work_are_stored_together(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise RuntimeError("no engine")

    with monkeypatch.context() as patch:
        patch.setattr(house.acceptor, "accept", broken)
        with pytest.raises(RuntimeError):
            post(house, "production", PRODUCTION_SECRET, EVENT)
    assert post(house, "production", PRODUCTION_SECRET, EVENT) == (200, {"new": True})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["annotation", "annotations", "task", "tasks", "project", "action"])


@given(st.dictionaries(NAMES, JSON | st.fixed_dictionaries({"id": JSON, "task": JSON})))
def test_any_json_gives_a_hint_of_ids(body: Json) -> None:
    hint = inbox.hint_of(body)
    numbers = hint["projects"] + hint["tasks"] + hint["annotations"]
    assert all(isinstance(number, int) and number > 0 for number in numbers)
    assert inbox.event_key("sandbox", "ANNOTATIONS_DELETED", body, hint)


def test_health_and_metrics(house: House) -> None:
    post(house, "production", PRODUCTION_SECRET, EVENT)
    health = house.client.get("/health", headers=OPERATOR).json()
    assert (health["status"], health["events"], health["unhandled_events"]) == ("up", 1, 1)
    text = house.client.get("/metrics", headers=OPERATOR).text
    assert "sandbox_sync_unhandled_events 1.0" in text
    assert "sandbox_sync_oldest_unhandled_event_seconds" in text
