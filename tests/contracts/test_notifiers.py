"""What every notifier does, and what Slack's has to survive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from sandbox_sync.feedback import Message
from sandbox_sync.notifiers.base import MessageNotSent, Notifier
from sandbox_sync.notifiers.console import ConsoleNotifier
from sandbox_sync.notifiers.slack import SlackNotifier
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


@pytest.mark.parametrize("status", [429, 500, 503])
def test_slack_trouble_that_passes_is_not_noticed(
    slack: FakeSlack, slack_notifier: SlackNotifier, status: int
) -> None:
    slack.trouble(status, times=2)
    slack_notifier.send(ADA, MESSAGE, key="feedback-1")
    assert len(slack.posted) == 1


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
