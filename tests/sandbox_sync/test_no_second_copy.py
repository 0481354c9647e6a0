"""Each copy is made once, whatever is cut off, crashes or is done twice by Label Studio."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from tests.sandbox_sync.house import ADA, INTENT, House, choice


def publish_and_die(
    house: House, monkeypatch: pytest.MonkeyPatch, killed: Callable[..., object]
) -> None:
    """Two new messages in production; whoever imports them into the sandbox dies as told."""
    house.publish("intent", ["First", "Second"])
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "import_tasks", killed)
        with pytest.raises(KeyboardInterrupt):
            house.reconcile()


@pytest.mark.parametrize("after_effect", [False, True])
def test_an_import_whose_answer_is_lost_makes_no_second_copy(
    house: House, *, after_effect: bool
) -> None:
    house.reconcile()
    house.publish("intent", ["First", "Second", "Third"])
    house.sandbox.fail_next(
        "POST", "/api/projects/", status=503, times=3, after_effect=after_effect
    )
    house.reconcile(passes=4)
    assert len(house.sandbox.store.tasks) == 6
    predictions = house.sandbox.store.predictions.values()
    assert sorted(p.task for p in predictions) == sorted(house.sandbox.store.tasks)
    assert house.summary()["clones"] == 6


def test_a_crash_after_the_copies_were_made_makes_no_second_copy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reconcile()
    with monkeypatch.context() as patch:
        patch.setattr("sandbox_sync.db.copies.set_created", _crash)
        house.publish("intent", ["First", "Second"])
        with pytest.raises(KeyboardInterrupt):
            house.reconcile()
    assert len(house.sandbox.store.tasks) == 2
    house.reconcile(passes=3)
    assert len(house.sandbox.store.tasks) == 4
    assert house.summary()["clones"] == 4


def test_a_copy_that_appears_after_a_crash_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio goes on with an import whose sender was killed."""
    house.reconcile()
    late: list[tuple[int, list[Json]]] = []

    def killed(_: LabelStudioWriter, project_id: int, rows: list[Json]) -> list[int]:
        late.append((project_id, rows))
        raise KeyboardInterrupt

    publish_and_die(house, monkeypatch, killed)
    house.settings.in_flight_seconds = 1000
    house.reconcile(passes=3)
    ((project_id, rows),) = late
    assert all(task.project != project_id for task in house.sandbox.store.tasks.values())
    house.sandbox.writer().import_tasks(project_id, rows)  # the import lands
    house.settings.in_flight_seconds = 0
    house.reconcile(passes=3)
    assert len(house.sandbox.store.tasks) == 4
    assert house.summary()["clones"] == 4


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("heard", [True, False])
def test_a_late_twin_that_was_answered_becomes_the_item(house: House, *, heard: bool) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.answer("intent", task_id, choice(INTENT.labels[0]))
    house.drain()
    first = house.sandbox.store.tasks[house.clone_of(ADA, task_id)]
    house.sandbox.writer().import_tasks(first.project, [{"data": first.data, "meta": first.meta}])
    (twin,) = [t for t in house.sandbox.store.tasks.values() if t.meta == first.meta][1:]
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == ADA)
    regions = INTENT.write(choice(INTENT.labels[1]), twin.data)
    house.sandbox.writer(token).create_annotation(twin.id, regions)
    if heard:
        house.drain()
    else:
        house.reconcile(passes=2)
    assert first.id not in house.sandbox.store.tasks
    assert twin.id in house.sandbox.store.tasks
    assert house.summary()["submissions"] == 1
    assert house.summary()["comparisons"] == 1
    assert house.summary()["clones"] == 2


def test_twins_that_label_studio_makes_by_itself_are_removed(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    some = next(iter(house.sandbox.store.tasks.values()))
    house.sandbox.writer().import_tasks(some.project, [{"data": some.data, "meta": some.meta}])
    house.reconcile()
    assert len(house.sandbox.store.tasks) == 2
