"""The practice half as it really runs: with its engine, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from sandbox_sync import inbox
from sandbox_sync.workflows import handle_event
from sandbox_sync.workflows.handle_event import handle
from sandbox_sync.workflows.room import Room
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house

ONE, TWO = INTENT.labels[:2]


def wait_for(house: House, done: Callable[[], bool], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, house.summary()
        time.sleep(0.1)


def test_feedback_comes_by_itself(tmp_path: Path, database_url: str) -> None:
    with running_house(
        tmp_path, engine=True, database_url=database_url, reconcile_seconds=1
    ) as house:
        ids = house.publish("intent", ["First", "Second"])
        wait_for(house, lambda: house.summary()["clones"] == 4)
        for email in (ADA, BEN):
            house.practise(email, "intent", ids[0], choice(ONE))
        house.answer("intent", ids[0], choice(TWO))
        wait_for(house, lambda: house.summary()["feedbacks"] == 2)
        assert house.summary()["feedback_latency_seconds"]["median"] < 5
        assert len(house.outbox()) == 2
        assert len(house.sandbox.store.tasks) == 4


@pytest.mark.parametrize(
    ("error", "reconcile_seconds"),
    [
        (ZeroDivisionError(), 1),
        (OperationalError("SELECT", {}, Exception("the connection is gone")), 3600),
    ],
    ids=["failed: due again soon", "passing: tried again in the same step"],
)
def test_an_event_that_failed_is_looked_at_again_soon(
    error: Exception, reconcile_seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a whole project may take minutes; one that failed need not be waited for."""
    tries: list[str] = []

    def look(room: Room, key: str) -> None:
        tries.append(key)
        if len(tries) == 1:
            raise error
        handle(room, key)

    monkeypatch.setattr(handle_event, "handle", look)
    with running_house(tmp_path, engine=True, reconcile_seconds=reconcile_seconds) as house:
        body = {"action": "PROJECT_UPDATED", "project": {"id": house.projects["intent"]}}
        assert inbox.receive(house.room, "production", body)
        wait_for(house, lambda: house.summary()["unhandled_events"] == 0)
    assert len(tries) == 2
