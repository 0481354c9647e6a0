"""Practice time from what Label Studio shows to the page, the CSV and the command."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from sandbox_sync.db.tables import PracticeTime, Trainee
from tests.sandbox_sync.house import ADA, ADMIN, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_pages import HTML, LoginForm, sign_in

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    login = LoginForm()
    with running_house(tmp_path, sign_in=httpx.MockTransport(login), idle_seconds=60) as built:
        login.ids.update({u.email: u.id for u in built.sandbox.store.users.values()})
        yield built


def annotate(house: House, email: str, clone: int, lead: float, **more: object) -> int:
    """An answer of this trainee with its lead time, as Label Studio's page sends it."""
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == email)
    body = {"result": INTENT.write(choice(ONE), {"text": ""}), "lead_time": lead} | more
    answer = house.sandbox.writer(token).request(
        "POST", f"/api/tasks/{clone}/annotations/", json_body=body
    )
    house.drain()
    return int(answer["id"])


def correct(house: House, email: str, annotation: int, lead: float) -> None:
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == email)
    house.sandbox.writer(token).request(
        "PATCH", f"/api/annotations/{annotation}/", json_body={"lead_time": lead}
    )
    house.drain()


def seconds(house: House) -> list[tuple[int, float]]:
    with house.room.transaction() as session:
        found = session.scalars(sa.select(PracticeTime).order_by(PracticeTime.id))
        return [(row.annotation_id, row.active_seconds) for row in found]


def test_a_correction_adds_what_is_new_and_idle_time_is_capped(house: House) -> None:
    ids = house.publish("intent", ["First", "Second"])
    house.reconcile()
    first = annotate(house, ADA, house.clone_of(ADA, ids[0]), 12.5)
    second = annotate(house, ADA, house.clone_of(ADA, ids[1]), 4000)
    correct(house, ADA, first, 20.0)
    assert seconds(house) == [(first, 12.5), (second, 60.0), (first, 7.5)]
    house.reconcile(passes=3)
    assert len(seconds(house)) == 3  # looking again adds nothing


def test_skipping_is_work_and_what_others_do_is_not(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    clone = house.clone_of(ADA, task_id)
    skipped = annotate(house, ADA, clone, 5.0, was_cancelled=True)
    annotate(house, BEN, clone, 30.0)
    assert seconds(house) == [(skipped, 5.0)]


def test_the_day_is_the_trainees_own(house: House) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    with house.room.transaction() as session:
        # 14 hours ahead of UTC and 11 behind it: never the same day
        session.execute(
            sa.update(Trainee).where(Trainee.email == ADA).values(time_zone="Pacific/Kiritimati")
        )
        session.execute(
            sa.update(Trainee).where(Trainee.email == BEN).values(time_zone="Pacific/Niue")
        )
    for email in (ADA, BEN):
        annotate(house, email, house.clone_of(email, task_id), 5.0)
    with house.room.transaction() as session:
        days = session.scalars(sa.select(PracticeTime.day).order_by(PracticeTime.id)).all()
    assert days[0] > days[1]


def test_trainers_see_hours_and_download_them(house: House) -> None:
    ids = house.publish("intent", ["First", "Second"])
    house.reconcile()
    for task_id in ids:
        annotate(house, ADA, house.clone_of(ADA, task_id), 0.0001)
    with house.room.transaction() as session:
        session.execute(sa.update(PracticeTime).values(active_seconds=50.0))
        row = session.scalars(sa.select(PracticeTime).order_by(PracticeTime.id.desc())).first()
        assert row is not None
        row.annotation_at = row.annotation_at.replace(year=row.annotation_at.year - 1)
        day = row.day
    trainer = sign_in(house, ADMIN)
    page = trainer.get("/trainer/hours", headers=HTML)
    assert page.status_code == 200
    assert ADA in page.text
    assert "2 min" in page.text
    answer = trainer.get("/trainer/hours.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["date"], r["email"], r["kind"], r["items"], r["seconds"]) for r in rows] == [
        (day, ADA, "intent", "2", "100")
    ]
    earlier = trainer.get("/trainer/hours?from=2020-01-01&to=2020-02-01", headers=HTML)
    assert "Nobody has practised" in earlier.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "from: not a day"),
        ("from=2026-05-04&to=2026-05-01", "from: 2026-05-04 is after 2026-05-01"),
        ("from=2020-01-01&to=2026-05-01", "to: at most 400 days"),
        ("to=0001-01-01", "to: not a day of this age"),
    ],
)
def test_a_range_that_is_none_is_refused_in_words(house: House, query: str, words: str) -> None:
    trainer = sign_in(house, ADMIN)
    for path in ("/trainer/hours", "/trainer/hours.csv"):
        answer = trainer.get(f"{path}?{query}")
        assert answer.status_code == 422
        assert words in answer.json()["detail"]


def test_trainees_do_not_see_hours(house: House) -> None:
    house.reconcile()
    ada = sign_in(house, ADA)
    for path in ("/trainer/hours", "/trainer/hours.csv"):
        assert ada.get(path).status_code == 403
