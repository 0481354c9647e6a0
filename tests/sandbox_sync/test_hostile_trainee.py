"""What a member of the sandbox can write there breaks nothing of anybody else's."""

from __future__ import annotations

from typing import Any

import pytest

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from sandbox_sync import cloning
from sandbox_sync.workflows import practice
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice

ONE, TWO = INTENT.labels[:2]


def write_meta(house: House, task_id: int, meta: Any) -> None:
    house.sandbox.writer().request("PATCH", f"/api/tasks/{task_id}/", json_body={"meta": meta})


@pytest.mark.parametrize("answered", [True, False])
def test_a_task_with_the_key_of_another_item_stays_what_it_is(
    house: House, *, answered: bool
) -> None:
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    one, two = house.clone_of(ADA, first), house.clone_of(ADA, second)
    write_meta(house, one, house.sandbox.store.tasks[two].meta)
    if answered:
        house.practise(ADA, "intent", first, choice(ONE))
    for _ in range(3):
        practice.look_at_lanes(house.room, thoroughly=True)
    house.publish("intent", ["Third"])
    house.reconcile()
    assert house.clone_of(ADA, first) == one
    assert house.clone_of(ADA, second) == two
    house.practise(ADA, "intent", second, choice(TWO))
    house.reconcile()
    assert house.summary()["submissions"] == 1 + answered
    assert len(house.sandbox.store.tasks) == 6


@pytest.mark.parametrize("key", ["\u0000", "x" * 5000, 3, None, ["a"], {"a": 1}])
def test_an_odd_key_is_no_key(house: House, key: object) -> None:
    (first,) = house.publish("intent", ["First"])
    house.reconcile()
    clone = house.sandbox.store.tasks[house.clone_of(ADA, first)]
    rows: list[Json] = [{"data": clone.data | {"text": "Mine"}, "meta": {}}] * 2
    ids = house.sandbox.writer().import_tasks(clone.project, rows)
    for number in ids:
        house.sandbox.store.tasks[number].meta = {cloning.KEY: key}
    practice.look_at_tasks(house.room, ids)
    house.reconcile()
    house.practise(ADA, "intent", first, choice(ONE))
    house.reconcile()
    assert house.summary()["submissions"] == 1


def test_a_project_under_a_colleagues_title_is_not_taken_for_theirs(house: House) -> None:
    title = cloning.lane_title(INTENT.title, BEN)
    house.reconcile(passes=1)
    (mine,) = [
        project.id
        for project in house.sandbox.store.projects.values()
        if project.fields["title"] == cloning.lane_title(INTENT.title, ADA)
    ]
    (bens,) = [
        project.id
        for project in house.sandbox.store.projects.values()
        if project.fields["title"] == title
    ]
    house.sandbox.writer().update_project(mine, title=title)
    house.sandbox.writer().request("DELETE", f"/api/projects/{bens}/")
    house.publish("intent", ["First"])
    house.reconcile(passes=4)
    assert len(house.sandbox.store.tasks) == 2
    assert len({task.project for task in house.sandbox.store.tasks.values()}) == 2


def test_a_listing_that_misses_some_proves_nothing_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = house.publish("intent", ["First", "Second"])
    house.reconcile()
    before = dict(house.sandbox.store.tasks)
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "projects", lambda _: [])
        patch.setattr(LabelStudioWriter, "tasks", lambda *_, **__: iter(()))
        practice.look_at_lanes(house.room, thoroughly=True)
    house.reconcile(passes=3)
    assert house.sandbox.store.tasks.keys() == before.keys()
    assert len(house.sandbox.store.projects) == 4
    house.practise(ADA, "intent", ids[0], choice(ONE))
    house.reconcile()
    assert house.summary()["submissions"] == 1
