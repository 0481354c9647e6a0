"""Items that nobody answers leave the queue; what is being worked on does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from projects.kit.label_studio import LabelStudioWriter
from sandbox_sync.db.tables import PracticeItem
from tests.sandbox_sync.house import ADA, INTENT, House, choice, running_house
from tests.sandbox_sync.test_states import copies

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """Queues of one place."""
    with running_house(tmp_path, queue_depth=1) as house:
        yield house


def age(house: House, days: float = 15) -> None:
    """Everything that is in a queue now was put there long ago."""
    with house.room.transaction() as session:
        for item in session.query(PracticeItem):
            item.reserved_at -= timedelta(days=days)


def texts(house: House) -> list[str]:
    return [house.sandbox.store.tasks[n].data["text"] for n in copies(house, ADA)]


def test_a_stale_item_makes_room_for_another_and_does_not_come_back(small: House) -> None:
    small.publish("intent", ["First", "Second"])
    small.reconcile()
    (first,) = texts(small)
    age(small, days=13)
    small.reconcile()
    assert texts(small) == [first]
    age(small, days=2)
    small.reconcile()
    (second,) = texts(small)
    assert {first, second} == {"First", "Second"}
    age(small)
    small.reconcile(passes=3)
    assert texts(small) == []
    with small.room.reading() as session:
        rows = session.query(PracticeItem).all()
    assert all(row.expired_at and row.sandbox_task_id is None for row in rows)
    summary = small.summary()
    assert summary["clones"] == summary["expected_clones"] == summary["open_items"] == 0


def test_a_draft_keeps_its_item(small: House) -> None:
    small.publish("intent", ["First"])
    small.reconcile()
    (task,) = copies(small, ADA)
    token = next(u.token for u in small.sandbox.store.users.values() if u.email == ADA)
    ada = small.sandbox.writer(token)
    ada.request("POST", f"/api/tasks/{task}/drafts", json_body={"result": []})
    age(small)
    small.reconcile()
    assert copies(small, ADA) == [task]
    with small.room.reading() as session:
        mine = sa.select(PracticeItem.expired_at).where(PracticeItem.sandbox_task_id == task)
        assert session.scalar(mine) is None


@pytest.mark.parametrize("heard", [True, False])
def test_an_answer_in_the_same_moment_counts(
    small: House, monkeypatch: pytest.MonkeyPatch, *, heard: bool
) -> None:
    """It comes after the item was marked, just before it would be deleted."""
    (production,) = small.publish("intent", ["First"])
    small.reconcile()
    if not heard:
        small.sandbox.deliver = None
    drafted = LabelStudioWriter.drafted_tasks

    def answers_now(writer: LabelStudioWriter, project_id: int) -> set[int]:
        found = drafted(writer, project_id)
        if small.sandbox.store.projects[project_id].fields["title"].endswith(ADA):
            small.practise(ADA, "intent", production, choice(ONE))
        return found

    age(small)
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "drafted_tasks", answers_now)
        small.reconcile(passes=1)
    small.reconcile()
    assert small.summary()["submissions"] == 1
    assert texts(small) == ["First"]


def test_a_crash_before_the_removal_is_made_good(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.publish("intent", ["First"])
    small.reconcile()
    age(small)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "delete_task", crash)
        with pytest.raises(KeyboardInterrupt):
            small.reconcile()
    assert texts(small) == ["First"]
    small.reconcile()
    assert texts(small) == []


def test_nobody_waits_for_the_answer_to_a_deleted_task(house: House) -> None:
    answered, gone = house.publish("intent", ["Answered", "Gone"])
    house.reconcile()
    house.answer("intent", answered, choice(ONE))
    house.drain()
    for task in (answered, gone):
        house.production.writer().delete_task(task)
    house.reconcile()
    assert texts(house) == ["Answered"]


def test_skipped_items_leave_as_well(small: House) -> None:
    small.publish("intent", ["First"])
    small.reconcile()
    (task,) = copies(small, ADA)
    token = next(u.token for u in small.sandbox.store.users.values() if u.email == ADA)
    small.sandbox.writer(token).create_annotation(task, [], was_cancelled=True)
    small.drain()
    age(small)
    small.reconcile()
    assert copies(small, ADA) == []
