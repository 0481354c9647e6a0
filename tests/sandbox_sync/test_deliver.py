"""One sender per person, nothing twice, in order; whoever dies is followed by another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from projects.kit import database
from sandbox_sync.db import delivery
from sandbox_sync.db.tables import Delivery, Feedback, Notice, Trainee
from sandbox_sync.feedback import Message
from sandbox_sync.workflows.deliver import deliver
from tests.fakes.slack import TOKEN, FakeSlack, running_slack
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running_slack() as state:
        state.people = {ADA: "UADA", BEN: "UBEN"}
        yield state


@pytest.fixture
def slack_house(slack: FakeSlack, tmp_path: Path) -> Iterator[House]:
    with running_house(tmp_path, slack_token=TOKEN, slack_url=slack.url) as house:
        yield house


def answered(house: House, count: int, *, email: str = ADA) -> None:
    """So many items that production and the trainee have answered; events are handled."""
    ids = house.publish("intent", [f"{email} {number}" for number in range(count)])
    house.reconcile()
    for task_id in ids:
        house.answer("intent", task_id, choice(ONE))
        house.practise(email, "intent", task_id, choice(TWO))
    house.drain(except_for="deliver")


def delivery_of(house: House, email: str) -> Delivery:
    with house.room.transaction() as session:
        return session.get_one(Delivery, email)


def wish(house: House, email: str, **values: object) -> None:
    with house.room.transaction() as session:
        session.execute(sa.update(Trainee).where(Trainee.email == email).values(**values))


def test_nobody_sends_to_a_person_to_whom_somebody_else_is_sending(
    slack_house: House, slack: FakeSlack
) -> None:
    answered(slack_house, 1)
    with slack_house.room.transaction() as session:
        other = delivery.take(session, ADA, "other:run/try", now=database.now())
    assert other is False
    slack_house.drain()
    assert slack.posted == []
    with slack_house.room.transaction() as session:
        delivery.release(session, ADA)
    slack_house.reconcile()
    assert slack_house.room.deliver_due(now=database.now() + timedelta(seconds=5)) == 1
    slack_house.drain()
    assert len(slack.posted) == 1


def test_a_sender_that_died_after_slack_took_the_message_is_not_repeated(
    slack_house: House, slack: FakeSlack
) -> None:
    answered(slack_house, 1)
    killed = pytest.MonkeyPatch()
    killed.setattr(delivery, "mark_sent", _die)
    with pytest.raises(KeyboardInterrupt):
        deliver(slack_house.room, ADA)
    killed.undo()
    assert len(slack.posted) == 1
    assert slack_house.summary()["pending_feedback"] == 1
    slack_house.room.run = "the next run"
    deliver(slack_house.room, ADA)
    assert len(slack.posted) == 1
    assert slack_house.summary()["pending_feedback"] == 0
    assert delivery_of(slack_house, ADA).held_by is None


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_database_that_goes_away_after_slack_took_the_message_delays_and_repeats_nothing(
    slack_house: House, slack: FakeSlack
) -> None:
    answered(slack_house, 1)
    away = pytest.MonkeyPatch()
    away.setattr(delivery, "mark_sent", _go_away)
    with pytest.raises(OperationalError):
        deliver(slack_house.room, ADA)
    away.undo()
    interrupted = delivery_of(slack_house, ADA)
    assert interrupted.held_by is None
    assert "interrupted" in interrupted.trouble
    soon = database.now() + timedelta(seconds=5)
    assert slack_house.room.deliver_due(now=soon) == 1
    slack_house.drain()
    assert len(slack.posted) == 1
    assert slack_house.summary()["pending_feedback"] == 0


def _go_away(*_: object, **__: object) -> None:
    raise OperationalError("UPDATE", {}, Exception("server closed the connection"))


def test_what_failed_is_kept_with_its_reason_and_comes_when_slack_is_back(
    slack_house: House, slack: FakeSlack
) -> None:
    answered(slack_house, 2)
    slack.trouble(503, times=1)
    deliver(slack_house.room, ADA)
    failing = delivery_of(slack_house, ADA)
    assert failing.failing_since is not None
    assert failing.trouble == "Slack cannot be reached"
    deliver(slack_house.room, ADA)
    assert [message["metadata"]["event_payload"]["key"] for message in slack.posted] == [
        "feedback-1",
        "feedback-2",
    ]
    fine = delivery_of(slack_house, ADA)
    assert (fine.failing_since, fine.trouble) == (None, "")


def test_nothing_is_asked_of_slack_while_it_wants_to_be_left_alone(
    slack_house: House, slack: FakeSlack
) -> None:
    answered(slack_house, 1)
    slack.trouble(429, retry_after=120)
    deliver(slack_house.room, ADA)
    deliver(slack_house.room, ADA)
    assert slack.requests == 1
    with slack_house.room.transaction() as session:
        row = session.scalars(sa.select(Feedback)).one()
    assert timedelta(seconds=100) < row.retry_at - database.now() <= timedelta(seconds=120)
    assert slack_house.room.deliver_due(now=database.now() + timedelta(seconds=60)) == 0
    assert slack_house.room.deliver_due(now=database.now() + timedelta(seconds=121)) == 1


def test_a_person_without_an_account_keeps_their_messages(
    slack_house: House, slack: FakeSlack
) -> None:
    del slack.people[ADA]
    answered(slack_house, 1)
    deliver(slack_house.room, ADA)
    assert delivery_of(slack_house, ADA).trouble == "Slack knows nobody with this e-mail address"
    assert slack_house.summary()["pending_feedback"] == 1
    slack.people[ADA] = "UADA"
    deliver(slack_house.room, ADA)
    assert len(slack.posted) == 1


def test_much_at_once_is_one_message(slack_house: House, slack: FakeSlack) -> None:
    answered(slack_house, 5)
    deliver(slack_house.room, ADA)
    assert len(slack.posted) == 1
    assert slack_house.summary()["feedbacks"] == 5
    with slack_house.room.transaction() as session:
        told = {row.notice_id for row in session.scalars(sa.select(Feedback))}
        assert told == {notice.id for notice in session.scalars(sa.select(Notice))}


def test_quiet_hours_hold_feedback_and_a_changed_wish_lets_it_go(
    slack_house: House, slack: FakeSlack
) -> None:
    slack_house.reconcile()
    minute = database.now().hour * 60 + database.now().minute
    wish(slack_house, ADA, quiet_from=(minute - 60) % 1440, quiet_until=(minute + 60) % 1440)
    answered(slack_house, 2)
    slack_house.drain()
    assert slack.posted == []
    assert slack_house.room.deliver_due(now=database.now() + timedelta(minutes=30)) == 0
    assert slack_house.room.deliver_due(now=database.now() + timedelta(minutes=61)) == 1
    wish(slack_house, ADA, quiet_from=None)
    with slack_house.room.transaction() as session:
        ada = session.scalars(sa.select(Trainee.id).where(Trainee.email == ADA)).one()
        delivery.ask_again(session, ada, now=database.now())
    slack_house.drain()
    assert len(slack.posted) == 2


def test_a_correction_takes_the_place_of_what_waits(slack_house: House, slack: FakeSlack) -> None:
    (task_id,) = slack_house.publish("intent", ["First"])
    slack_house.reconcile()
    wish(slack_house, ADA, digest="daily")
    annotation = slack_house.answer("intent", task_id, choice(ONE))
    slack_house.practise(ADA, "intent", task_id, choice(TWO))
    slack_house.drain()
    corrected = INTENT.write(choice(TWO), {"text": "First"})
    slack_house.production.writer().request(
        "PATCH", f"/api/annotations/{annotation}", json_body={"result": corrected}
    )
    slack_house.drain()
    assert slack.posted == []
    with slack_house.room.transaction() as session:
        states = [row.state for row in session.scalars(sa.select(Feedback).order_by(Feedback.id))]
        assert states == ["superseded", "pending"]
        session.execute(sa.update(Trainee).values(digest="each"))
        ada = session.scalars(sa.select(Trainee.id).where(Trainee.email == ADA)).one()
        delivery.ask_again(session, ada, now=database.now())
    deliver(slack_house.room, ADA)
    assert len(slack.posted) == 1
    assert "the same as the reference answer" in slack.posted[0]["text"]


def test_a_notice_comes_before_feedback_and_by_itself(slack_house: House, slack: FakeSlack) -> None:
    answered(slack_house, 1)
    with slack_house.room.transaction() as session:
        slack_house.room.tell(session, key="ruling", email=ADA, message=Message("Ruled.", ()))
    slack_house.drain()
    assert [message["text"] == "Ruled." for message in slack.posted] == [True, False]
