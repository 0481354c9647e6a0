"""The practice half as it really runs: with its engine, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

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
