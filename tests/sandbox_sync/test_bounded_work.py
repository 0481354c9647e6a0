"""How much work one event can cause, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from projects.kit import database
from projects.kit.label_studio import LabelStudioReader
from sandbox_sync import inbox
from sandbox_sync.db import events
from sandbox_sync.db.tables import Event, Reference
from sandbox_sync.workflows.room import EVENTS, LOOKS, SANDBOX_EVENTS
from tests.sandbox_sync.house import ADA, INTENT, House, choice

MANY = [{"id": number} for number in range(1, 2001)]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that were asked for one by one."""
    asked: list[int] = []
    task = LabelStudioReader.task

    def noted(reader: LabelStudioReader, task_id: int) -> Any:
        asked.append(task_id)
        return task(reader, task_id)

    monkeypatch.setattr(LabelStudioReader, "task", noted)
    return asked


def test_an_event_of_the_sandbox_has_few_unknown_ids_looked_at(
    house: House, looked_up: list[int]
) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.sandbox.deliver = None
    house.practise(ADA, "intent", task_id, choice(INTENT.labels[0]))
    looked_up.clear()
    inbox.receive(house.room, "sandbox", {"action": "TASKS_DELETED", "tasks": MANY})
    house.drain()
    assert len(looked_up) <= 22  # both copies, and 20 that are not ours
    assert house.summary()["submissions"] == 1


def test_a_large_event_of_production_is_one_look_at_the_project(
    house: House, looked_up: list[int]
) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.production.deliver = None
    house.answer("intent", task_id, choice(INTENT.labels[0]))
    looked_up.clear()
    body = {"action": "TASKS_CREATED", "tasks": MANY}
    inbox.receive(house.room, "production", body)
    house.drain()
    assert looked_up == []
    with house.room.transaction() as session:
        assert session.scalars(select(Reference.production_task_id)).all() == [task_id]


def test_what_the_sandbox_sends_waits_in_a_lane_of_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []
    monkeypatch.setattr(house.acceptor, "accept", lambda _s, lane, *_a, **_k: used.append(lane))
    inbox.receive(house.room, "sandbox", {"action": "TASKS_DELETED", "tasks": MANY})
    inbox.receive(house.room, "production", {"action": "TASKS_DELETED", "tasks": MANY})
    inbox.receive(house.room, "production", {"action": "TASKS_DELETED", "tasks": MANY[:3]})
    assert used == [SANDBOX_EVENTS, LOOKS, EVENTS]


def test_each_attempt_gets_longer_and_large_events_get_longest(house: House) -> None:
    inbox.receive(house.room, "production", {"action": "TASKS_DELETED", "tasks": MANY[:3]})
    waits = [events.patience("TASKS_DELETED", {}, attempts=n) for n in range(12)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (events.STALE, 2 * events.STALE, events.LONGEST)
    assert events.patience(events.PROJECT_UPDATED, {}, attempts=0) == events.LARGE_STALE
    moment = database.now() + timedelta(seconds=31)
    with house.room.transaction() as session:
        assert len(events.take_stale(session, now=moment, limit=9)) == 1
        assert events.take_stale(session, now=moment + timedelta(seconds=59), limit=9) == []
        assert session.scalars(select(Event.attempts)).all() == [1]
