"""What a task's references stand for is frozen before anyone works on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from projects.kinds import registry
from projects.vocabulary import Json, Prediction
from sandbox_sync.db.tables import FrozenData, SnapshotRow
from sandbox_sync.freezing import is_storable
from sandbox_sync.workflows import freezing, production
from tests.sandbox_sync.house import (
    ADA,
    INTENT,
    OPERATOR,
    SANDBOX_SECRET,
    House,
    choice,
    running_house,
)

ONE, TWO = INTENT.labels[:2]
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//
BEGIN:VEVENT
UID:1
SUMMARY:{title}
DTSTART:20260505T080000Z
DTEND:20260505T090000Z
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """With a folder of calendars and one of threads."""
    for name in ("calendars", "threads"):
        (tmp_path / name).mkdir()
    with running_house(
        tmp_path,
        context_fields=["calendar", "thread"],
        calendar_dir=str(tmp_path / "calendars"),
        thread_dir=str(tmp_path / "threads"),
        context_patience_seconds=60,
    ) as built:
        yield built


def write_calendar(house: House, title: str) -> None:
    path = Path(house.settings.calendar_dir) / "ana.ics"
    path.write_text(CALENDAR.format(title=title))


def data(**more: Any) -> Json:
    return {
        "text": "Can we meet?",
        "heading": "Meeting",
        "byline": "",
        "sent_at": "2026-05-04T12:00:00+00:00",
        "context": "<section>as intake made it</section>",
        "calendar": "ics:ana",
        "thread": [],
        "preferences": {},
    } | more


def add(house: House, **more: Any) -> int:
    """A production task that nobody is served yet."""
    rows: list[Json] = [{"data": data(**more)}]
    (number,) = house.production.writer().import_tasks(house.projects["intent"], rows)
    house.drain()
    return number


def publish(house: House, task_id: int) -> None:
    writer = house.production.writer()
    text = writer.task(task_id).data
    regions = registry.load("intent").write(choice(ONE), text)
    project = house.projects["intent"]
    writer.push_predictions(project, [Prediction(task_id, "v1", 0.4, tuple(regions))])
    writer.update_project(project, model_version="v1")
    house.reconcile()


def copy(house: House) -> Json:
    """The data of ADA's one copy."""
    (found,) = [
        task.data
        for task in house.sandbox.store.tasks.values()
        if ADA in house.sandbox.store.projects[task.project].fields["title"]
    ]
    return found


def test_a_calendar_that_changes_later_does_not_change_the_copy(house: House) -> None:
    write_calendar(house, "Dentist")
    task = add(house)
    # from here on the calendar says something else, before anybody works on the task
    write_calendar(house, "Holiday")
    publish(house, task)
    frozen = copy(house)
    assert [entry["title"] for entry in frozen["calendar"]] == ["Dentist"]
    assert "Dentist" in frozen["context"]
    assert "Holiday" not in str(frozen)
    write_calendar(house, "Something else")
    house.reconcile()
    assert copy(house) == frozen
    with house.room.transaction() as session:
        (row,) = session.query(SnapshotRow)
        (source,) = row.sources
    assert (source["field"], source["provider"]) == ("calendar", "icalendar")
    assert "moment" in source


def test_answers_to_a_task_with_references_are_compared(house: House) -> None:
    write_calendar(house, "Dentist")
    task = add(house)
    publish(house, task)
    house.practise(ADA, "intent", task, choice(TWO))
    house.answer("intent", task, choice(ONE))
    house.reconcile()
    assert house.summary()["comparisons"] == 1


def test_a_reference_that_cannot_be_had_keeps_its_task_waiting(house: House) -> None:
    task = add(house)
    publish(house, task)
    assert house.sandbox.store.tasks == {}
    health = house.client.get("/health", headers=OPERATOR).json()
    assert (health["contexts_waiting"], health["contexts_missing"]) == (1, 0)
    write_calendar(house, "Dentist")
    house.reconcile()  # its next try has not come
    assert house.sandbox.store.tasks == {}
    make_due(house)
    house.reconcile()
    assert [entry["title"] for entry in copy(house)["calendar"]] == ["Dentist"]
    assert house.client.get("/health", headers=OPERATOR).json()["contexts_waiting"] == 0


def test_after_a_bounded_time_a_mark_stands_in_its_place(house: House) -> None:
    task = add(house)
    publish(house, task)
    make_due(house, ago=timedelta(seconds=61))
    house.reconcile()
    frozen = copy(house)
    assert frozen["calendar"].startswith("[Not available when this task was frozen: icalendar")
    assert "Not available when this task was frozen" in frozen["context"]
    health = house.client.get("/health", headers=OPERATOR).json()
    assert (health["contexts_waiting"], health["contexts_missing"]) == (0, 1)
    # and it stays as it is, however late the calendar comes
    write_calendar(house, "Dentist")
    house.reconcile()
    assert copy(house) == frozen


def test_what_is_refused_is_marked_at_once(house: House) -> None:
    task = add(house, calendar="ics:../../etc/passwd")
    publish(house, task)
    assert "no name of a calendar" in copy(house)["calendar"]


def test_a_plain_string_elsewhere_is_no_reference(house: House) -> None:
    write_calendar(house, "Dentist")
    task = add(house, calendar=[], heading="ics:ana", byline="https://example.com/")
    publish(house, task)
    assert copy(house)["heading"] == "ics:ana"
    with house.room.transaction() as session:
        assert session.query(FrozenData).count() == 0


def test_an_object_is_a_reference_in_any_field(house: House) -> None:
    threads = Path(house.settings.thread_dir)
    (threads / "t1.jsonl").write_text('{"author": "Ana", "text": "Monday?"}\n')
    task = add(
        house,
        calendar=[],
        thread={"$context": "thread_store", "source": "t1"},
        heading={"$context": "inline", "value": "From the front desk"},
    )
    publish(house, task)
    frozen = copy(house)
    assert frozen["thread"] == [{"author": "Ana", "text": "Monday?"}]
    assert frozen["heading"] == "From the front desk"
    assert "Monday?" in frozen["context"]


def test_a_provider_that_does_not_exist_is_marked(house: House) -> None:
    task = add(house, calendar={"$context": "crystal_ball", "source": "tomorrow"})
    publish(house, task)
    assert "no such provider" in copy(house)["calendar"]


def test_changed_data_is_looked_up_again_and_the_open_item_keeps_its_own(house: House) -> None:
    write_calendar(house, "Dentist")
    task = add(house)
    publish(house, task)
    write_calendar(house, "Holiday")
    body = {"data": data(text="Can we still meet?")}
    house.production.writer().request("PATCH", f"/api/tasks/{task}/", json_body=body)
    house.reconcile()
    mine = [
        (row.data["text"], row.data["calendar"][0]["title"])
        for row in house.sandbox.store.tasks.values()
        if ADA in house.sandbox.store.projects[row.project].fields["title"]
    ]
    assert sorted(mine) == [("Can we meet?", "Dentist"), ("Can we still meet?", "Holiday")]


def test_two_looks_at_once_keep_one_of_their_findings(house: House) -> None:
    write_calendar(house, "Dentist")
    number = add(house)
    task = house.room.production.task(number)
    with house.room.transaction() as session:
        session.query(FrozenData).delete()
    first = freezing.freeze(house.room, [task])
    write_calendar(house, "Holiday")
    assert freezing.freeze(house.room, [task]) == first
    production.record(house.room, [task])


def make_due(house: House, *, ago: timedelta = timedelta(0)) -> None:
    """As if so much time had gone by since the first try."""
    with house.room.transaction() as session:
        for row in session.query(FrozenData):
            row.begun_at -= ago
            row.retry_at = row.begun_at


def test_what_appears_in_the_sandbox_is_no_event_for_us(house: House) -> None:
    headers = {"X-Understudy-Secret": SANDBOX_SECRET}
    body = {"action": "TASKS_CREATED", "tasks": [{"id": 1}]}
    assert house.client.post("/webhooks/sandbox", headers=headers, json=body).json() == {
        "new": False
    }


@pytest.mark.parametrize("value", ["\0", "\ud800", float("nan"), {"a": ["x\0"]}])
def test_what_no_database_can_keep_is_refused(value: object) -> None:
    assert not is_storable(value)
    assert is_storable({"a": ["Grüße", 1.5, None, "back\\slash u0000"]})


def test_a_provider_that_breaks_holds_up_no_other_task(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("sandbox_sync.context.icalendar.resolve", breaks)
    broken = add(house)
    sound = add(house, calendar=[], text="Another")
    publish(house, broken)
    publish(house, sound)
    assert copy(house)["text"] == "Another"


PHOTOS = """<View><Image name="message" value="$photo"/><Text name="t" value="$text"/>
<Choices name="intent" toName="message"><Choice value="New meeting"/></Choices></View>"""


def test_a_picture_of_production_is_shown_from_our_copy(house: House) -> None:
    writer = house.production.writer()
    writer.update_project(house.projects["intent"], label_config=PHOTOS)
    house.reconcile()
    kept = "/data/upload/1/0a-photo.png"
    house.production.store.files[kept] = (b"picture", "image/png")
    task = add(house, photo=kept, calendar=[], heading=kept)
    publish(house, task)
    frozen = copy(house)
    # the SHA-256 of b"picture"
    digest = hashlib.sha256(b"picture").hexdigest()
    assert frozen["photo"] == f"http://sync.test/media/{digest}.png"
    assert frozen["heading"] == kept  # a text is a text
    # production deletes it; ours stays
    del house.production.store.files[kept]
    answer = house.client.get(f"/media/{digest}.png")
    assert (answer.content, answer.headers["content-type"]) == (b"picture", "image/png")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("name", ["..%2Fsandbox_sync.sqlite", f"{'0' * 64}.png", f"{'0' * 64}.svg"])
def test_nothing_else_of_the_folder_is_served(house: House, name: str) -> None:
    assert house.client.get(f"/media/{name}").status_code == 404


def test_a_picture_elsewhere_is_left_as_it_is(house: House) -> None:
    house.production.writer().update_project(house.projects["intent"], label_config=PHOTOS)
    house.reconcile()
    task = add(house, photo="https://pictures.example.com/1.png", calendar=[])
    publish(house, task)
    assert copy(house)["photo"] == "https://pictures.example.com/1.png"


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with running_house(
        tmp_path,
        database_url=postgres_url,
        context_fields=["calendar"],
        calendar_dir=str(tmp_path),
        context_patience_seconds=60,
    ) as house:
        waiting = add(house, text="One that waits", calendar="ics:ben")
        write_calendar(house, "Dentist")
        publish(house, add(house))
        assert [entry["title"] for entry in copy(house)["calendar"]] == ["Dentist"]
        assert house.client.get("/health", headers=OPERATOR).json()["contexts_waiting"] == 1
        make_due(house, ago=timedelta(seconds=61))
        publish(house, waiting)
        assert house.client.get("/health", headers=OPERATOR).json()["contexts_missing"] == 1
        assert house.failures == []
        house.production.writer().update_project(
            house.projects["intent"],
            label_config=INTENT.label_config.replace('value="Cancel"', 'value="Off"'),
        )
        house.reconcile()
        assert house.failures == []
