"""A queue is filled with one request, in which the suggestions are; whatever comes in between."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from sandbox_sync.db.tables import PracticeItem
from tests.sandbox_sync.house import INTENT, House, choice
from tests.sandbox_sync.test_no_second_copy import publish_and_die


def suggested(house: House) -> Counter[int]:
    """How many suggestions each sandbox task has."""
    rows = house.sandbox.store.predictions.values()
    return Counter(row.task for row in rows if row.model_version == "suggestion")


def is_finished(house: House) -> bool:
    """Whether every reserved item is noted as made and as showing its suggestion."""
    with house.room.reading() as session:
        items = session.scalars(select(PracticeItem)).all()
        return bool(items) and all(item.sandbox_task_id and item.suggested_at for item in items)


def are_complete(house: House, count: int) -> bool:
    """Whether there are so many copies, each with its suggestion once, and all of it noted."""
    tasks = house.sandbox.store.tasks
    return (
        len(tasks) == count and suggested(house) == dict.fromkeys(tasks, 1) and is_finished(house)
    )


def versions(house: House) -> set[str]:
    """What the projects with tasks show."""
    store = house.sandbox.store
    return {store.projects[task.project].model_version for task in store.tasks.values()}


def test_one_request_makes_copies_that_show_their_suggestion(house: House) -> None:
    house.reconcile()
    house.publish("intent", ["First", "Second"])
    before = len(house.sandbox.requests)
    house.reconcile(passes=1)
    changing = [one for one in house.sandbox.requests[before:] if one[0] != "GET"]
    assert len(changing) == 2  # one for each trainee
    assert all(method == "POST" and path.endswith("/import") for method, path in changing)
    assert suggested(house) == dict.fromkeys(house.sandbox.store.tasks, 1)
    assert versions(house) == {"suggestion"}
    assert is_finished(house)


def test_suggestions_that_a_busy_label_studio_dropped_are_pushed(house: House) -> None:
    house.reconcile()
    house.sandbox.store.is_busy = True
    house.publish("intent", ["First", "Second"])
    house.reconcile()
    assert are_complete(house, 4)


def test_suggestions_that_were_dropped_and_could_not_be_pushed_come_later(house: House) -> None:
    house.reconcile()
    house.sandbox.store.is_busy = True
    house.publish("intent", ["First", "Second"])
    paths = [
        f"/api/projects/{number}/import/predictions" for number in house.sandbox.store.projects
    ]
    for path in paths:
        house.sandbox.fail_next("POST", path, status=503)
    house.reconcile()
    assert len(house.failures) == 2  # one for each trainee
    assert are_complete(house, 4)


def test_a_crash_before_the_copies_were_noted_shows_no_suggestion_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reconcile()
    make = LabelStudioWriter.import_tasks

    def killed(writer: LabelStudioWriter, project_id: int, rows: list[Json]) -> list[int]:
        make(writer, project_id, rows)
        raise KeyboardInterrupt

    publish_and_die(house, monkeypatch, killed)
    assert not is_finished(house)
    house.reconcile(passes=3)
    assert are_complete(house, 4)


def publish_odd(house: House) -> None:
    """Two tasks and one whose suggestion is none that its labelling config knows."""
    store = house.production.store
    house.production.deliver = None
    house.publish("intent", ["First", "Second"])
    (odd,) = house.add("intent", ["Odd"])
    project = store.projects[house.projects["intent"]]
    regions = INTENT.write(choice(INTENT.labels[0]), {"text": "Odd"})
    regions = [region | {"value": {"choices": ["unheard of"]}} for region in regions]
    store.add_prediction(
        project, {"task": odd, "score": 0.5, "model_version": "v1", "result": regions}
    )


def test_an_odd_suggestion_is_shown_as_production_shows_it(house: House) -> None:
    house.reconcile()
    publish_odd(house)
    house.reconcile()
    assert are_complete(house, 6)


def test_a_suggestion_that_label_studio_refuses_keeps_no_item_out(house: House) -> None:
    house.reconcile()
    house.sandbox.store.checks_imports = True
    publish_odd(house)
    house.reconcile(passes=3)
    texts = Counter(task.data["text"] for task in house.sandbox.store.tasks.values())
    assert texts == {"First": 2, "Second": 2, "Odd": 2}
    good = {t.id for t in house.sandbox.store.tasks.values() if t.data["text"] != "Odd"}
    assert suggested(house) == dict.fromkeys(good, 1)
    assert any("stored" in str(failure) for failure in house.failures)


def test_a_version_that_a_member_took_away_is_set_again(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    for project in house.sandbox.store.projects.values():
        project.fields["model_version"] = ""
    house.reconcile(passes=1)
    house.publish("intent", ["Second"])
    house.reconcile()
    assert versions(house) == {"suggestion"}
    assert suggested(house) == dict.fromkeys(house.sandbox.store.tasks, 1)
    assert is_finished(house)
