"""Each copy is made once, whatever is cut off, crashes or is done twice by Label Studio."""

from __future__ import annotations

import pytest

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from tests.sandbox_sync.house import House


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
        patch.setattr("sandbox_sync.db.practice.set_created", _crash)
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

    house.publish("intent", ["First", "Second"])
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "import_tasks", killed)
        with pytest.raises(KeyboardInterrupt):
            house.reconcile()
    house.settings.in_flight_seconds = 1000
    house.reconcile(passes=3)
    ((project_id, rows),) = late
    assert all(task.project != project_id for task in house.sandbox.store.tasks.values())
    house.sandbox.writer().import_tasks(project_id, rows)  # the import lands
    house.settings.in_flight_seconds = 0
    house.reconcile(passes=3)
    assert len(house.sandbox.store.tasks) == 4
    assert house.summary()["clones"] == 4


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


def test_twins_that_label_studio_makes_by_itself_are_removed(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    some = next(iter(house.sandbox.store.tasks.values()))
    house.sandbox.writer().import_tasks(some.project, [{"data": some.data, "meta": some.meta}])
    house.reconcile()
    assert len(house.sandbox.store.tasks) == 2
