"""Messages that are not about one comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects.kit import database
from sandbox_sync.db.events import STALE
from sandbox_sync.feedback import Message
from tests.fakes.slack import TOKEN, running_slack
from tests.sandbox_sync.house import ADA, ADMIN, House, running_house

RULING = Message("The key was wrong.", ())


def test_an_occasion_is_told_once(house: House) -> None:
    for _ in range(2):
        with house.room.transaction() as session:
            told = house.room.tell(session, key="ruling:1", email=ADA, message=RULING)
        house.drain()
    assert not told
    assert house.outbox() == [(ADA, "The key was wrong.")]


def test_nothing_is_told_that_was_not_committed(house: House) -> None:
    with house.room.transaction() as session:
        house.room.tell(session, key="ruling:1", email=ADA, message=RULING)
        session.rollback()
    house.drain()
    house.reconcile()
    assert house.outbox() == []


def test_a_notice_to_a_trainer_survives_a_slack_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running_slack() as slack,
        running_house(tmp_path, slack_token=TOKEN, slack_url=slack.url) as house,
    ):
        slack.people = {ADMIN: "UADMIN"}
        slack.trouble(503, times=100)
        with house.room.transaction() as session:
            house.room.tell(session, key="report:1", email=ADMIN, message=RULING)
        house.drain()
        assert slack.posted == []
        slack.troubles.clear()
        later = database.now() + 2 * STALE
        monkeypatch.setattr("sandbox_sync.workflows.reconcile.this_moment", lambda: later)
        house.reconcile(passes=3)
        assert [message["text"] for message in slack.posted] == ["The key was wrong."]
