"""A practice is paused, resumed, ended and taken up again; new kinds come by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox_sync.db import states
from sandbox_sync.db.tables import LaneRow, PracticeItem, Submission, Trainee
from tests.sandbox_sync.house import ADA, ADMIN, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_pages import LoginForm, sign_in

ONE, TWO = INTENT.labels[:2]


def number(house: House, email: str) -> int:
    return house.sandbox.user_id(email)


def copies(house: House, email: str) -> list[int]:
    owned = {p.id for p in house.sandbox.store.projects.values() if email in p.fields["title"]}
    return [task.id for task in house.sandbox.store.tasks.values() if task.project in owned]


def press(house: House, action: str, email: str, **fields: object) -> Any:
    path = f"/trainer/trainee/{number(house, email)}/{action}"
    answer = house.client.post(path, data=fields, follow_redirects=False)
    house.drain()
    return answer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    login = LoginForm()
    with running_house(tmp_path, sign_in=httpx.MockTransport(login)) as built:
        login.ids.update({u.email: u.id for u in built.sandbox.store.users.values()})
        yield built


@pytest.fixture
def practice(house: House) -> House:
    """Two trainees with two open items each, and a trainer at the page."""
    house.publish("intent", ["First", "Second"])
    house.reconcile()
    sign_in(house, ADMIN)
    return house


def test_a_paused_queue_gets_nothing_new_and_keeps_what_is_open(practice: House) -> None:
    assert press(practice, "pause", ADA).status_code == 303
    practice.publish("intent", ["Third"])
    practice.reconcile()
    assert (len(copies(practice, ADA)), len(copies(practice, BEN))) == (2, 3)
    page = practice.client.get(f"/trainer/trainee/{number(practice, ADA)}").text
    assert "Paused" in page
    assert "Resume all kinds" in page
    assert ADA in practice.client.get("/trainer").text
    press(practice, "resume", ADA)
    assert len(copies(practice, ADA)) == 3


def test_one_kind_is_paused_and_the_others_go_on(practice: House) -> None:
    with practice.room.reading() as session:
        found = states.of_trainee(session, number(practice, ADA))
    assert found is not None
    lane = next(queue.lane_id for queue in found.queues if queue.kind == "intent")
    press(practice, "pause", ADA, lane=lane)
    practice.publish("intent", ["Third"])
    practice.publish("details", ["Fourth"])
    practice.reconcile()
    assert len(copies(practice, ADA)) == 3
    with practice.room.reading() as session:
        found = states.of_trainee(session, number(practice, ADA))
    assert found is not None
    assert {queue.kind: queue.state for queue in found.queues} == {
        "intent": "paused",
        "details": "active",
    }
    # another trainee's lane is nothing to pause from here
    assert press(practice, "pause", BEN, lane=lane).status_code == 404
    press(practice, "resume", ADA, lane=lane)
    assert len(copies(practice, ADA)) == 4


def test_an_ended_practice_leaves_answers_and_no_open_items(practice: House) -> None:
    first = next(t for t in practice.production.store.tasks)
    practice.practise(ADA, "intent", first, choice(ONE))
    practice.drain()
    press(practice, "end", ADA)
    practice.reconcile()
    assert len(copies(practice, ADA)) == 1
    assert len(copies(practice, BEN)) == 2
    with practice.room.transaction() as session:
        row = session.get_one(Trainee, number(practice, ADA))
        assert (row.ended_by, row.left_at is not None) == (ADMIN, True)
        assert session.query(Submission).count() == 1
    practice.publish("intent", ["Third"])
    practice.reconcile()
    assert len(copies(practice, ADA)) == 1
    assert (
        "Take back into practice"
        in practice.client.get(f"/trainer/trainee/{number(practice, ADA)}").text
    )


def test_whoever_is_taken_back_gets_only_what_they_have_not_had(practice: House) -> None:
    press(practice, "end", ADA)
    assert copies(practice, ADA) == []
    practice.publish("intent", ["Third"])
    press(practice, "return", ADA)
    practice.reconcile()
    texts = [practice.sandbox.store.tasks[n].data["text"] for n in copies(practice, ADA)]
    assert texts == ["Third"]


def test_an_answer_that_came_before_the_end_was_carried_out_counts(practice: House) -> None:
    """Marked as expired, not yet removed: the look before the removal finds the answer."""
    practice.sandbox.deliver = None
    first = next(t for t in practice.production.store.tasks)
    path = f"/trainer/trainee/{number(practice, ADA)}/end"
    practice.client.post(path, follow_redirects=False)
    practice.practise(ADA, "intent", first, choice(ONE))
    practice.drain()
    with practice.room.transaction() as session:
        item = session.query(Submission).one().item_id
        assert session.get_one(PracticeItem, item).expired_at is None
    assert len(copies(practice, ADA)) == 1


@pytest.mark.parametrize("action", ["pause", "resume", "end", "return"])
def test_only_trainers_may(house: House, action: str) -> None:
    house.reconcile()
    path = f"/trainer/trainee/{number(house, BEN)}/{action}"
    assert house.client.post(path, follow_redirects=False).status_code == 401
    sign_in(house, ADA)
    assert house.client.post(path, follow_redirects=False).status_code == 403
    with house.room.reading() as session:
        row = session.get_one(Trainee, number(house, BEN))
        assert (row.paused_at, row.left_at, row.ended_by) == (None, None, None)
    sign_in(house, ADMIN)
    assert house.client.post("/trainer/trainee/4040/pause").status_code == 404


def test_a_kind_that_is_followed_later_reaches_everybody(tmp_path: Path) -> None:
    with running_house(tmp_path) as house:
        details = house.projects["details"]
        kept = dict(house.settings.projects)
        house.settings.projects = {n: k for n, k in kept.items() if n != details}
        house.publish("details", ["First"])
        house.reconcile()
        with house.room.reading() as session:
            assert session.query(LaneRow).count() == 2
        house.settings.projects = kept
        house.reconcile(passes=3)
        assert len(copies(house, ADA)) == len(copies(house, BEN)) == 1
