"""A trainee's settings, the list of their feedback, and whether messages reach them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sandbox_sync.api import pages
from sandbox_sync.db.tables import Feedback, Trainee
from tests.fakes.slack import TOKEN, FakeSlack, running_slack
from tests.sandbox_sync.house import ADA, ADMIN, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_pages import HTML, LoginForm, sign_in

ONE, TWO = INTENT.labels[:2]
FORM = {
    "time_zone": "Europe/Berlin",
    "quiet_from": "22:00",
    "quiet_until": "07:30",
    "digest": "daily",
    "digest_at": "16:45",
}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running_slack() as state:
        yield state


@pytest.fixture
def house(tmp_path: Path, slack: FakeSlack) -> Iterator[House]:
    """Slack knows nobody."""
    login = LoginForm()
    transport = httpx.MockTransport(login)
    with running_house(
        tmp_path, sign_in=transport, slack_token=TOKEN, slack_url=slack.url
    ) as built:
        login.ids.update({u.email: u.id for u in built.sandbox.store.users.values()})
        yield built


def compared(house: House, answers: dict[str, str]) -> None:
    """Production says the first label; ADA says what is given for each text."""
    ids = house.publish("intent", list(answers))
    house.reconcile()
    for task_id, label in zip(ids, answers.values(), strict=True):
        house.answer("intent", task_id, choice(ONE))
        house.practise(ADA, "intent", task_id, choice(label))
        house.drain()  # one after the other: the newest is the last


def stored(house: House, email: str) -> tuple[object, ...]:
    with house.room.transaction() as session:
        row = session.scalars(sa.select(Trainee).where(Trainee.email == email)).one()
        return row.time_zone, row.quiet_from, row.quiet_until, row.digest, row.digest_at


def test_a_trainee_sets_their_own_wishes_only(house: House) -> None:
    house.reconcile()
    ada = sign_in(house, ADA)
    assert ada.post("/settings", data=FORM, headers=HTML).status_code == 200
    assert stored(house, ADA) == ("Europe/Berlin", 22 * 60, 7 * 60 + 30, "daily", 16 * 60 + 45)
    assert stored(house, BEN) == ("UTC", None, None, "each", 17 * 60)
    page = ada.get("/settings", headers=HTML).text
    assert 'value="22:00"' in page
    assert 'value="daily" checked' in page
    trainer = sign_in(house, ADMIN)
    assert trainer.get("/settings", headers=HTML).status_code == 404
    with house.room.transaction() as session:
        number = session.scalars(sa.select(Trainee.id).where(Trainee.email == ADA)).one()
    shown = trainer.get(f"/trainer/trainee/{number}", headers=HTML).text
    assert "once a day at 16:45 in one message, not between 22:00 and 07:30" in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone: there is no such time zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone: there is no such time zone"),
        ({"quiet_from": ""}, "quiet_from: quiet hours need a beginning"),
        ({"quiet_until": "25:00"}, "quiet_until: not a time of day"),
        ({"quiet_until": "22:00"}, "quiet_until: quiet hours that end"),
        ({"quiet_until": "٢٢:00"}, "quiet_until: not a time of day"),
        ({"digest": "sometimes"}, "digest: one of each, hourly, daily"),
        ({"digest_at": "24:30"}, "digest_at: not a time of day"),
    ],
)
def test_wishes_that_cannot_be_are_refused_in_words(
    house: House, change: dict[str, str], words: str
) -> None:
    house.reconcile()
    ada = sign_in(house, ADA)
    answer = ada.post("/settings", data=FORM | change)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert stored(house, ADA)[0] == "UTC"


def test_wishes_let_go_what_waits(house: House, slack: FakeSlack) -> None:
    slack.people[ADA] = "UADA"
    house.reconcile()
    ada = sign_in(house, ADA)
    ada.post("/settings", data=FORM)
    compared(house, {"First": TWO, "Second": TWO})
    assert slack.posted == []
    assert "2 messages wait to be sent at your time for it" in ada.get("/", headers=HTML).text
    ada.post("/settings", data=FORM | {"digest": "each", "quiet_from": "", "quiet_until": ""})
    house.reconcile()
    assert len(slack.posted) == 2


def test_who_cannot_be_reached_and_why_is_on_both_pages(house: House) -> None:
    compared(house, {"First": TWO})
    reason = "Slack knows nobody with this e-mail address"
    mine = sign_in(house, ADA).get("/", headers=HTML).text
    assert "Messages do not reach you" in mine
    assert reason in mine
    overview = sign_in(house, ADMIN).get("/trainer", headers=HTML).text
    assert f"{reason} (1 kept)" in overview
    assert overview.count(reason) == 1


def test_a_newcomer_is_told_what_happens_here(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    ada = sign_in(house, ADA)
    assert "How practice works" in ada.get("/", headers=HTML).text
    compared(house, {"Second": ONE})
    assert "How practice works" not in ada.get("/", headers=HTML).text


def test_the_list_is_filtered_and_paged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    compared(house, {"First": ONE, "Second": TWO, "Third": TWO, "Fourth": TWO})
    ada = sign_in(house, ADA)

    def shown(query: str) -> list[str]:
        text = ada.get(f"/?{query}", headers=HTML).text
        return re.findall(r'href="/feedback/\d+">(\w+)<', text)

    assert shown("") == ["Fourth", "Third"]
    assert shown("page=2") == ["Second", "First"]
    assert shown("page=3") == []
    assert shown("show=same") == ["First"]
    assert shown("show=differences&page=2&kind=intent") == ["Second"]
    assert shown("kind=details") == []
    page = ada.get("/?show=differences", headers=HTML).text
    assert 'rel="next" href="/?kind=&amp;show=differences&amp;page=2#items"' in page
    assert "1 to 2 of 3" in page
    assert ada.get("/?page=0").status_code == 422
    assert ada.get("/?page=99999999999999999999").status_code == 422
    with house.room.transaction() as session:
        assert len(session.scalars(sa.select(Feedback)).all()) == 4
