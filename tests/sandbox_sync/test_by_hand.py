"""Practice on a project that nobody made a kind for."""

from __future__ import annotations

import pytest

from projects.kit.database import now
from projects.policy import Policy
from projects.vocabulary import Json
from sandbox_sync.db import by_hand, production, queries
from tests.sandbox_sync.house import ADA, HOOK, PRODUCTION_SECRET, House

CONFIG = """<View><Image name="img" value="$image"/>
<RectangleLabels name="box" toName="img"><Label value="Car"/><Label value="Bus"/></RectangleLabels>
<TextArea name="plate" toName="img" perRegion="true"/></View>"""


def region(key: str, label: str, *corners: float, plate: str = "") -> list[Json]:
    x, y, width, height = corners
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    common = {"id": key, "to_name": "img", "original_width": 400, "original_height": 300}
    box = {
        "from_name": "box",
        "type": "rectanglelabels",
        "value": place | {"rectanglelabels": [label]},
    }
    said = {"from_name": "plate", "type": "textarea", "value": place | {"text": [plate]}}
    return [common | box, *([common | said] if plate else [])]


@pytest.fixture
def number(house: House) -> int:
    """A production project with a dozen pictures, and practice on it."""
    writer = house.production.writer()
    project = writer.create_project("Cars", label_config=CONFIG)
    writer.import_tasks(
        project.id, [{"data": {"image": f"https://pictures.example/{i}.png"}} for i in range(12)]
    )
    writer.ensure_webhooks(project.id, HOOK, headers={"X-Understudy-Secret": PRODUCTION_SECRET})
    with house.room.transaction() as session:
        assert by_hand.add(session, project, Policy(weights={"plate": 0.5}), now=now())
    house.reconcile(passes=2)
    return project.id


def pictures(house: House) -> dict[str, int]:
    """Ada's copies by what they show."""
    owned = [
        p.id
        for p in house.sandbox.store.projects.values()
        if ADA in p.fields["title"] and p.fields["title"].startswith("Cars #")
    ]
    tasks = house.sandbox.store.tasks.values()
    return {task.data["image"]: task.id for task in tasks if task.project in owned}


def practise(house: House, task: int, regions: list[Json]) -> None:
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == ADA)
    house.sandbox.writer(token).create_annotation(task, regions)


def test_unanswered_tasks_are_practised_on_as_far_as_ahead(house: House, number: int) -> None:
    assert len(pictures(house)) == house.settings.ahead < 12
    first = min(t.id for t in house.production.store.tasks.values() if t.project == number)
    house.production.writer().create_annotation(first, region("a", "Car", 0, 0, 10, 10))
    house.drain()
    house.reconcile(passes=2)
    with house.room.reading() as session:
        assert len(production.live_task_ids(session, number)) == house.settings.ahead + 1


def test_regions_are_compared_and_described(house: House, number: int) -> None:
    first = min(t.id for t in house.production.store.tasks.values() if t.project == number)
    image = house.production.store.tasks[first].data["image"]
    practise(house, pictures(house)[image], region("x", "Car", 0, 0, 40, 20, plate="B 1"))
    house.production.writer().create_annotation(
        first, region("y", "Car", 0, 0, 40, 40, plate="B 1")
    )
    house.drain()
    house.reconcile()
    ((email, text),) = house.outbox()
    assert email == ADA
    assert text.startswith("Cars #")
    assert "1 difference" in text
    # Half of the box (weight 1), all of the plate (weight 0.5).
    with house.room.reading() as session:
        standings = queries.standings(session)
    agreements = [a for s in standings if s.kind == f"project-{number}" for a in s.agreements]
    assert agreements == [pytest.approx((0.5 + 0.5) / 1.5)]


def test_after_removal_nothing_is_added_and_what_was_compared_stays(
    house: House, number: int
) -> None:
    before = len(pictures(house))
    with house.room.transaction() as session:
        assert by_hand.remove(session, number, now=now()) == "Cars"
    task = max(t.id for t in house.production.store.tasks.values() if t.project == number)
    house.production.writer().create_annotation(task, region("a", "Car", 0, 0, 10, 10))
    house.drain()
    house.reconcile(passes=3)
    assert number not in house.room.followed
    assert len(pictures(house)) == before
    assert house.room.title(f"project-{number}") == f"Cars #{number}"


def test_a_project_of_a_kind_is_not_added(house: House) -> None:
    house.reconcile()
    project = house.production.writer().project(house.projects["intent"])
    with (
        pytest.raises(by_hand.AlreadyPractised, match="intent"),
        house.room.transaction() as session,
    ):
        by_hand.add(session, project, Policy(), now=now())


def test_what_was_not_added_is_not_removed(house: House) -> None:
    with pytest.raises(by_hand.NotAdded), house.room.transaction() as session:
        by_hand.remove(session, 999, now=now())
