"""Feedback through Slack's API, from the events to the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects.kit import database
from sandbox_sync.db.events import STALE
from tests.fakes.slack import TOKEN, running_slack
from tests.sandbox_sync.house import ADA, BEN, INTENT, choice, running_house


def test_feedback_waits_for_slack_and_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running_slack() as slack,
        running_house(tmp_path, slack_token=TOKEN, slack_url=slack.url) as house,
    ):
        slack.people = {ADA: "UADA", BEN: "UBEN"}
        (task,) = house.publish("intent", ["First"])
        house.reconcile()
        slack.trouble(500, times=100)
        house.answer("intent", task, choice(INTENT.labels[0]))
        house.practise(ADA, "intent", task, choice(INTENT.labels[1]))
        house.drain()
        assert house.summary()["pending_feedback"] == 1
        slack.troubles.clear()
        later = database.now() + 2 * STALE
        monkeypatch.setattr("sandbox_sync.workflows.reconcile.this_moment", lambda: later)
        house.reconcile(passes=3)
        assert [message["channel"] for message in slack.posted] == ["DUADA"]
        assert "http://sync.test/feedback/1" in slack.posted[0]["text"]
        assert house.summary()["feedbacks"] == 1
