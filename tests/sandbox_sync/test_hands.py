"""What is begun at once: after the commit only, not twice, and never lost when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from sandbox_sync import inbox
from sandbox_sync.feedback import Message
from sandbox_sync.workflows import hands as hands_module
from sandbox_sync.workflows.deliver import deliver
from sandbox_sync.workflows.handle_event import handle_at_once
from sandbox_sync.workflows.hands import Hands
from sandbox_sync.workflows.reconcile import begin_again
from tests.sandbox_sync.house import ADA, INTENT, House, choice

HELLO = Message("Hello.", ())


@pytest.fixture
def quick(house: House) -> Iterator[House]:
    """A house whose process has hands; what they leave waits until it is drained."""
    room = house.room
    room.hands = Hands(
        {"handle_event": partial(handle_at_once, room), "deliver": partial(deliver, room)}
    )
    yield house
    room.hands.close()


def until(seen: Callable[[], bool], *, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not seen() and time.monotonic() < end:
        time.sleep(0.01)
    return seen()


def test_answers_are_told_without_the_queue(quick: House) -> None:
    (task_id,) = quick.publish("intent", ["First"])
    quick.reconcile()
    quick.answer("intent", task_id, choice(INTENT.labels[0]))
    quick.practise(ADA, "intent", task_id, choice(INTENT.labels[1]))
    assert until(lambda: quick.summary()["feedbacks"] == 1)
    assert until(lambda: quick.summary()["unhandled_events"] == 0)
    assert [name for name, _ in quick.acceptor.waiting if name != "tend_lane"] == []
    assert len(quick.outbox()) == 1


def test_nothing_begins_before_the_commit_or_without_it(quick: House) -> None:
    with quick.room.transaction() as session:
        quick.room.tell(session, key="one", email=ADA, message=HELLO)
        session.rollback()
    with quick.room.transaction() as session:
        quick.room.tell(session, key="two", email=ADA, message=HELLO)
        time.sleep(0.3)
        assert session.in_transaction()
    assert until(lambda: len(quick.outbox()) == 1)
    time.sleep(0.2)
    assert len(quick.outbox()) == 1


def test_an_event_that_a_hand_fails_at_goes_to_the_queue(quick: House) -> None:
    (task_id,) = quick.publish("intent", ["First"])
    quick.reconcile()
    broken = pytest.MonkeyPatch()
    broken.setattr("sandbox_sync.workflows.practice.record", _break)
    quick.practise(ADA, "intent", task_id, choice(INTENT.labels[1]))
    assert until(lambda: any(name == "handle_event" for name, _ in quick.acceptor.waiting))
    broken.undo()
    assert quick.summary()["unhandled_events"] == 1
    quick.drain()
    assert quick.summary()["unhandled_events"] == 0
    assert quick.summary()["submissions"] == 1


def _break(*_: object) -> None:
    raise ZeroDivisionError


def test_what_a_dead_process_had_begun_is_due_at_once(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    nobody = Hands({"handle_event": lambda key: None, "deliver": lambda email: None})
    house.room.hands = nobody
    house.practise(ADA, "intent", task_id, choice(INTENT.labels[1]))
    assert house.summary()["unhandled_events"] == 1
    nobody.close()
    house.room.hands = None
    house.reconcile(passes=1)
    assert house.summary()["unhandled_events"] == 1  # it is not yet time
    begin_again(house.room)
    house.reconcile(passes=1)
    assert house.summary()["unhandled_events"] == 0


def test_what_is_too_much_for_the_hands_goes_to_the_queue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands_module, "MOST_WAITING", 0)
    full = Hands({})
    house.room.hands = full
    body = {"action": "TASKS_DELETED", "tasks": [{"id": 7}]}
    assert inbox.receive(house.room, "sandbox", body)
    assert [name for name, _ in house.acceptor.waiting] == ["handle_event"]
    house.room.hands = None
    full.close()


def test_what_waits_already_is_not_taken_twice_and_an_error_ends_nothing() -> None:
    gate, done = threading.Event(), []

    def work(name: str) -> None:
        gate.wait(10)
        if name == "bad":
            raise ZeroDivisionError
        done.append(name)

    hands = Hands({"deliver": work})
    for name in ["bad"] + [f"busy{n}" for n in range(hands_module.THREADS["messages"])]:
        hands.take("messages", "deliver", name)
    for _ in range(3):
        hands.take("messages", "deliver", "once")
    gate.set()
    hands.close()
    hands.take("messages", "deliver", "after the end")
    assert done.count("once") <= 1
    assert "after the end" not in done
    assert len(done) >= hands_module.THREADS["messages"] - 1
