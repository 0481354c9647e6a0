"""What every notifier does, and what Slack's has to survive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import MessageNotSent, Notifier
from sandbox_sync.notifiers.console import ConsoleNotifier
from sandbox_sync.notifiers.slack import ProcessMemory, SlackNotifier
from tests.fakes.slack import TOKEN, FakeSlack, running_slack

ADA = "ada@example.com"
BLOCKS = ({"type": "section", "text": {"type": "mrkdwn", "text": "*One difference*"}},)
MESSAGE = Message("One difference", BLOCKS)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running_slack() as state:
        state.people[ADA] = "U1"
        yield state


@pytest.fixture
def slack_notifier(slack: FakeSlack) -> SlackNotifier:
    return SlackNotifier(SecretStr(TOKEN), url=slack.url)


class Outbox:
    """What the console twin was given, by key."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, Message]] = {}

    def store(self, key: str, email: str, message: Message) -> bool:
        return self.kept.setdefault(key, (email, message)) == (email, message)


@pytest.fixture(params=["slack", "console"])
def notifier(request: pytest.FixtureRequest, slack_notifier: SlackNotifier) -> Notifier:
    return slack_notifier if request.param == "slack" else ConsoleNotifier(Outbox().store)


def test_notifier_gives_a_receipt(notifier: Notifier) -> None:
    assert notifier.send(ADA, MESSAGE, key="feedback-1")


def test_notifier_logs_no_content(notifier: Notifier, capsys: pytest.CaptureFixture[str]) -> None:
    notifier.send(ADA, MESSAGE, key="feedback-1")
    printed = capsys.readouterr()
    for secret in (ADA, "One difference", TOKEN):
        assert secret not in printed.out + printed.err


def test_slack_opens_a_conversation_and_posts_there(
    slack: FakeSlack, slack_notifier: SlackNotifier
) -> None:
    assert slack_notifier.send(ADA, MESSAGE, key="feedback-1").startswith("slack:DU1:")
    slack_notifier.send(ADA, MESSAGE, key="feedback-2")
    methods = [method for method, _ in slack.calls]
    assert methods == [
        "users.lookupByEmail",
        "conversations.open",
        "chat.postMessage",
        "chat.postMessage",
    ]
    assert slack.posted[0]["text"] == "One difference"
    assert slack.posted[0]["blocks"] == list(BLOCKS)
    assert slack.posted[0]["metadata"]["event_payload"] == {"key": "feedback-1"}


def test_slack_says_how_long_to_wait_and_is_left_alone(slack: FakeSlack) -> None:
    memory = ProcessMemory()
    slack.trouble(429, retry_after=60)
    for _ in range(2):
        # the second is another process: it has the same memory
        notifier = SlackNotifier(SecretStr(TOKEN), url=slack.url, memory=memory)
        with pytest.raises(MessageNotSent, match="ratelimited") as caught:
            notifier.send(ADA, MESSAGE, key="feedback-1")
        assert caught.value.retryable
        assert caught.value.wait is not None
        assert 50 < caught.value.wait.total_seconds() <= 60
    assert slack.requests == 1
    memory.pause("users.lookupByEmail", datetime.now(UTC))
    assert SlackNotifier(SecretStr(TOKEN), url=slack.url, memory=memory).send(
        ADA, MESSAGE, key="feedback-1"
    )


def test_a_pause_ends_by_the_clock_of_the_platform(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that a fault test can move, and that a pause in the database is read by."""
    clock = [datetime(2026, 5, 4, 12, 0, tzinfo=UTC)]
    monkeypatch.setattr("sandbox_sync.notifiers.slack.this_moment", lambda: clock[0])
    memory = ProcessMemory()
    notifier = SlackNotifier(SecretStr(TOKEN), url=slack.url, memory=memory)
    slack.trouble(429, retry_after=60)
    with pytest.raises(MessageNotSent, match="ratelimited"):
        notifier.send(ADA, MESSAGE, key="feedback-1")
    assert memory.paused_until("users.lookupByEmail") == clock[0] + timedelta(seconds=60)
    clock[0] += timedelta(seconds=59)
    with pytest.raises(MessageNotSent, match="ratelimited"):
        notifier.send(ADA, MESSAGE, key="feedback-1")
    assert slack.requests == 1
    clock[0] += timedelta(seconds=1)
    assert notifier.send(ADA, MESSAGE, key="feedback-1").startswith("slack:DU1:")


def test_a_pause_of_one_method_is_not_a_pause_of_another(slack: FakeSlack) -> None:
    memory = ProcessMemory()
    memory.pause("users.lookupByEmail", datetime.now(UTC) + timedelta(hours=1))
    memory.keep_channel(ADA, "DU1")
    notifier = SlackNotifier(SecretStr(TOKEN), url=slack.url, memory=memory)
    assert notifier.send(ADA, MESSAGE, key="feedback-1") == "slack:DU1:1700000000.000001"


def test_a_conversation_that_is_gone_is_opened_again(slack: FakeSlack) -> None:
    memory = ProcessMemory()
    memory.keep_channel(ADA, "DGONE")
    notifier = SlackNotifier(SecretStr(TOKEN), url=slack.url, memory=memory)
    assert notifier.send(ADA, MESSAGE, key="feedback-1").startswith("slack:DU1:")
    assert memory.channel(ADA) == "DU1"


def test_what_got_out_unnoticed_is_found_by_its_key(
    slack: FakeSlack, slack_notifier: SlackNotifier
) -> None:
    since = datetime.now(UTC)
    slack.answers_late = True  # posted, and the answer is lost
    with pytest.raises(MessageNotSent) as caught:
        slack_notifier.send(ADA, MESSAGE, key="feedback-1+feedback-2")
    assert caught.value.retryable
    slack.answers_late = False
    found = slack_notifier.told(ADA, ["feedback-1", "feedback-2", "feedback-3"], since=since)
    assert sorted(found) == ["feedback-1", "feedback-2"]
    slack.scopes.discard("im:history")
    assert slack_notifier.told(ADA, ["feedback-1"], since=since) == {}


def test_slack_trouble_that_stays_may_pass_later(
    slack: FakeSlack, slack_notifier: SlackNotifier
) -> None:
    slack.trouble(503, times=50)
    with pytest.raises(MessageNotSent) as caught:
        slack_notifier.send(ADA, MESSAGE, key="feedback-1")
    assert caught.value.retryable


def test_slack_that_is_down_may_come_back() -> None:
    with running_slack() as state:
        url = state.url
    with pytest.raises(MessageNotSent) as caught:
        SlackNotifier(SecretStr(TOKEN), url=url).send(ADA, MESSAGE, key="feedback-1")
    assert caught.value.retryable


def test_slack_says_why_a_person_cannot_be_reached(slack_notifier: SlackNotifier) -> None:
    with pytest.raises(MessageNotSent, match="users_not_found") as caught:
        slack_notifier.send("nobody@example.com", MESSAGE, key="feedback-1")
    assert not caught.value.retryable


def test_slack_refuses_a_wrong_token(slack: FakeSlack) -> None:
    with pytest.raises(MessageNotSent, match="invalid_auth") as caught:
        SlackNotifier(SecretStr("xoxb-wrong"), url=slack.url).send(ADA, MESSAGE, key="feedback-1")
    assert "xoxb-wrong" not in str(caught.value)
    assert slack.posted == []
