"""A look that was read earlier and is stored later changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, select

from sandbox_sync.db import production as rows
from sandbox_sync.db.tables import ProductionTask, Reference
from sandbox_sync.workflows import production
from tests.sandbox_sync.house import ADA, INTENT, House, choice

ONE, TWO = INTENT.labels[:2]


def state(house: House) -> tuple[Any, ...]:
    """What production's answers are to us, and what was told about them."""
    with house.room.transaction() as session:
        references = [
            (row.annotation_id, row.answer, row.reference_at)
            for row in session.scalars(select(Reference))
        ]
        tasks = [
            (row.id, row.snapshot, row.looked_at) for row in session.scalars(select(ProductionTask))
        ]
    return references, tasks, house.summary(), house.outbox()


def test_a_look_from_before_the_answer_does_not_take_it_back(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.practise(ADA, "intent", task_id, choice(TWO))
    house.drain()
    stale = house.room.production.task(task_id)
    house.answer("intent", task_id, choice(ONE))
    house.drain()
    before = state(house)
    assert len(house.outbox()) == 1
    production.record(house.room, [stale])
    house.drain()
    assert state(house) == before


def test_a_look_from_before_the_second_answer_does_not_bring_the_first_back(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.practise(ADA, "intent", task_id, choice(TWO))
    house.answer("intent", task_id, choice(ONE))
    house.drain()
    stale = house.room.production.task(task_id)
    house.answer("intent", task_id, choice(TWO))
    house.drain()
    before = state(house)
    production.record(house.room, [stale])
    house.drain()
    assert state(house) == before


def test_a_look_from_before_the_text_changed_does_not_bring_it_back(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    stale = house.room.production.task(task_id)
    house.production.writer().request(
        "PATCH", f"/api/tasks/{task_id}/", json_body={"data": {"text": "Other", "heading": ""}}
    )
    house.reconcile()
    before = state(house)
    production.record(house.room, [stale])
    assert state(house) == before


def test_a_look_that_finds_nothing_new_locks_nothing(house: House) -> None:
    ids = house.publish("intent", ["First", "Second"])
    house.answer("intent", ids[0], choice(ONE))
    house.reconcile()
    written: list[str] = []

    def note(_c: Any, _cu: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN", "SAVEPOINT")):
            written.append(statement)

    with house.room.transaction() as session:
        bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    tasks = [house.room.production.task(number) for number in ids]
    production.record(house.room, tasks)
    event.remove(bind, "before_cursor_execute", note)
    assert [line for line in written if not line.startswith("RELEASE")] == []


def test_an_answer_to_an_older_text_is_no_answer(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.answer("intent", task_id, choice(ONE))
    house.reconcile()
    house.production.writer().request(
        "PATCH", f"/api/tasks/{task_id}/", json_body={"data": {"text": "Other", "heading": ""}}
    )
    house.reconcile()
    with house.room.transaction() as session:
        assert rows.count_unanswered(session, house.projects["intent"]) == 1
