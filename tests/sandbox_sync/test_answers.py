"""Label Studio says that there is an answer and where; a look finds out which."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from projects.kit import database
from projects.vocabulary import Json
from sandbox_sync.db import events
from sandbox_sync.db.tables import Event, Reference
from sandbox_sync.workflows import practice
from sandbox_sync.workflows.room import Room
from tests.sandbox_sync.house import (
    ADA,
    BEN,
    HOOK,
    INTENT,
    PRODUCTION_SECRET,
    SANDBOX_SECRET,
    House,
    choice,
    running_house,
)
from tests.sandbox_sync.test_generations import projects_of, rename_the_control

ONE, TWO = INTENT.labels[:2]
NOW = database.now()
BARE: Json = {"action": "ANNOTATION_CREATED"}


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    """On both databases: two processes may be told in the same moment."""
    with running_house(tmp_path, database_url=database_url) as built:
        yield built


def tell(house: House, source: str, project: object, body: Json = BARE) -> Any:
    secret = PRODUCTION_SECRET if source == "production" else SANDBOX_SECRET
    headers = {"X-Understudy-Secret": secret}
    return house.client.post(f"/webhooks/{source}/{project}", headers=headers, json=body)


def rows(house: House) -> list[Event]:
    with house.room.reading() as session:
        query = select(Event).where(Event.action == events.ANSWERED).order_by(Event.key)
        return list(session.scalars(query))


def references(house: House) -> int:
    """How many answers of production we know."""
    with house.room.reading() as session:
        return len(session.scalars(select(Reference.production_task_id)).all())


def listings(house: House, since: int = 0) -> int:
    """How many pages of tasks production was asked for."""
    return sum(path == "/api/tasks/" for _, path in house.production.requests[since:])


def test_label_studio_is_asked_to_write_nothing_out_inside_a_submit(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    project = house.projects["intent"]
    ours = [h for h in house.production.store.webhooks.values() if h.project == project]
    assert {(hook.url, hook.send_payload) for hook in ours} == {
        (HOOK, True),
        (f"{HOOK}/{project}", False),
    }
    (bare,) = [hook for hook in ours if not hook.send_payload]
    (full,) = [hook for hook in ours if hook.send_payload]
    assert set(bare.actions) == {"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"}
    assert not set(bare.actions) & set(full.actions)
    of_trainees = [h for h in house.sandbox.store.webhooks.values() if "ANNOTATION" in h.actions[0]]
    assert {hook.send_payload for hook in of_trainees} >= {False}
    for hook in house.sandbox.store.webhooks.values():
        if {"ANNOTATION_CREATED", "ANNOTATION_UPDATED"} & set(hook.actions):
            assert (hook.send_payload, hook.url.endswith(f"/sandbox/{hook.project}")) == (
                False,
                True,
            )


def test_many_answers_are_one_row_and_one_look(house: House) -> None:
    tasks = house.publish("intent", [f"Message {number}" for number in range(6)])
    house.reconcile()
    asked = len(house.production.requests)
    for task in tasks:
        house.answer("intent", task, choice(ONE))
    assert [(e.told, e.begun, e.handled_at) for e in rows(house)] == [(1, 0, None)]
    assert [name for name, _ in house.acceptor.waiting] == ["handle_event"]
    house.drain()
    assert references(house) == 6
    assert listings(house, asked) == 1
    assert rows(house)[0].handled_at is not None


def test_the_next_answer_asks_for_the_next_look(house: House) -> None:
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    for task in (first, second):
        house.practise(ADA, "intent", task, choice(TWO))
        house.answer("intent", task, choice(ONE))
        house.drain()
    assert [email for email, _ in house.outbox()] == [ADA, ADA]
    assert [e.told for e in rows(house)] == [2, 2]
    assert house.summary()["unhandled_events"] == 0


def test_who_is_told_while_looking_looks_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes when the list has been read and its look is not over."""
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    record, late = practice.record, [second]

    def slowly(room: Room, tasks: object) -> object:
        found = record(room, tasks)  # type: ignore[arg-type]
        if late:
            house.practise(ADA, "intent", late.pop(), choice(ONE))
            assert house.acceptor.waiting == []  # whoever looks now does it
        return found

    monkeypatch.setattr(practice, "record", slowly)
    house.practise(ADA, "intent", first, choice(ONE))
    house.drain()
    assert house.summary()["submissions"] == 2
    assert house.summary()["unhandled_events"] == 0


def test_a_look_that_fails_is_made_later_and_sees_what_came_meanwhile(house: House) -> None:
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    house.answer("intent", first, choice(ONE))
    house.production.fail_next("GET", "/api/tasks/", error=httpx.ConnectError, times=9)
    house.drain()
    assert len(house.failures) == 1
    house.production._faults.clear()
    house.answer("intent", second, choice(ONE))
    house.drain()
    assert house.summary()["unhandled_events"] == 1
    with house.room.transaction() as session:
        session.execute(update(Event).values(retry_at=database.now()))
    house.reconcile(passes=1)
    assert references(house) == 2
    assert house.summary()["unhandled_events"] == 0


def test_being_told_again_does_not_put_off_the_next_attempt(house: House) -> None:
    project = house.projects["intent"]
    tell(house, "production", project)
    key = rows(house)[0].key
    with house.room.transaction() as session:
        events.begin_look(session, key)  # and whoever did has died
    due = rows(house)[0].retry_at
    for _ in range(3):
        assert tell(house, "production", project).json() == {"accepted": True}
    assert [(e.told, e.retry_at) for e in rows(house)] == [(2, due)]
    with house.room.transaction() as session:
        (stale,) = events.take_stale(session, now=due + timedelta(seconds=1), limit=9)
        assert (stale.key, stale.attempts) == (key, 1)


def test_a_look_from_before_ends_nothing_that_was_told_after(house: House) -> None:
    project = house.projects["intent"]
    tell(house, "production", project)
    key = rows(house)[0].key
    with house.room.transaction() as session:
        assert (begun := events.begin_look(session, key)) == 1
    tell(house, "production", project)
    with house.room.transaction() as session:
        assert not events.end_look(session, key, begun, now=NOW)
        assert (begun := events.begin_look(session, key)) == 2
        assert events.end_look(session, key, begun, now=NOW)
        assert events.begin_look(session, key) is None


@pytest.mark.parametrize("source", ["production", "sandbox"])
def test_a_project_that_is_not_ours_leaves_no_trace(house: House, source: str) -> None:
    house.reconcile()
    tell(house, source, 987_654)
    assert tell(house, source, 987_654, {"action": "SOMETHING"}).json() == {"new": False}
    assert rows(house) == []
    assert house.acceptor.waiting == []


@pytest.mark.parametrize("project", ["0", "-1", "x", str(2**60)])
def test_a_project_that_is_no_number_is_refused(house: House, project: str) -> None:
    answer = tell(house, "production", project)
    assert answer.status_code == 422
    assert "project_id" in answer.text


def test_an_answer_in_an_earlier_project_counts(house: House) -> None:
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    house.practise(ADA, "intent", first, choice(TWO))
    house.drain()
    rename_the_control(house)
    house.reconcile()
    old, _ = projects_of(house, ADA)
    (stays,) = house.sandbox.store.tasks_of(old.id)
    (given,) = house.sandbox.store.annotations_of(stays.id)
    before = rows(house)
    path, writer = f"/api/annotations/{given.id}", house.sandbox.writer()
    writer.request("PATCH", path, json_body={"result": INTENT.write(choice(ONE), stays.data)})
    assert len(rows(house)) == len(before)
    house.drain()
    assert house.failures == []
    assert house.summary()["unhandled_events"] == 0
    house.practise(BEN, "intent", second, choice(ONE))
    house.drain()
    assert house.summary()["submissions"] == 2


def test_a_second_copy_that_was_answered_is_found(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    mine = house.sandbox.store.tasks[house.clone_of(ADA, task)]
    writer = house.sandbox.writer()
    (twin,) = writer.import_tasks(mine.project, [{"data": mine.data, "meta": mine.meta}])
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == ADA)
    regions = INTENT.write(choice(ONE), mine.data)
    house.sandbox.writer(token).create_annotation(twin, regions)
    house.drain()
    assert house.summary()["submissions"] == 1
    assert house.clone_of(ADA, task) == twin


def test_a_practice_project_that_is_gone_is_no_failure(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    project = house.sandbox.store.tasks[house.clone_of(ADA, task)].project
    house.sandbox.writer().request("DELETE", f"/api/projects/{project}/")
    assert tell(house, "sandbox", project).json() == {"accepted": True}
    house.drain()
    assert house.failures == []
    assert house.summary()["unhandled_events"] == 0
