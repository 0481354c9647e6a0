"""One thing that cannot be read does not stop what is done with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from projects.kinds.base import Kind
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Answer
from sandbox_sync.db.tables import Trainee
from sandbox_sync.workflows import reconcile
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer to a task with "Poison" in its text cannot be read."""
    read = Kind.read

    def picky(kind: Kind, regions: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> Answer:
        if data["text"] == "Poison" and regions:
            raise KeyError("labels")
        return read(kind, regions, data)

    monkeypatch.setattr(Kind, "read", picky)


@pytest.mark.usefixtures("poison")
@pytest.mark.parametrize("heard", [True, False])
def test_an_answer_that_cannot_be_read_stops_nobody(tmp_path: Any, *, heard: bool) -> None:
    with running_house(tmp_path, hooks=heard) as house:
        ids = house.publish("intent", ["Good", "Poison", "Fine"])
        house.reconcile()
        for task_id in ids:
            house.answer("intent", task_id, choice(ONE))
            house.practise(ADA, "intent", task_id, choice(TWO))
            house.practise(BEN, "intent", task_id, choice(TWO))
        house.drain()
        house.reconcile(passes=3)
        summary = house.summary()
        assert (summary["submissions"], summary["comparisons"]) == (4, 4)
        assert summary["pending_feedback"] == 0
        assert len(house.outbox()) == 4


def test_a_lane_that_cannot_be_read_leaves_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task_id,) = house.publish("intent", ["First"])
    house.reconcile()
    house.sandbox.deliver = None
    house.practise(BEN, "intent", task_id, choice(ONE))
    ada = house.sandbox.store.tasks[house.clone_of(ADA, task_id)].project
    listing = LabelStudioWriter.tasks

    def picky(writer: LabelStudioWriter, project_id: int, **more: Any) -> Any:
        if project_id == ada:
            raise ValueError("dictionary update sequence")
        return listing(writer, project_id, **more)

    monkeypatch.setattr(LabelStudioWriter, "tasks", picky)
    house.reconcile()
    assert house.summary()["submissions"] == 1


def test_a_part_that_fails_oddly_leaves_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("odd")

    monkeypatch.setattr("sandbox_sync.workflows.production.look_at_projects", broken)
    reconcile.Reconciler(house.room)()
    with house.room.transaction() as session:
        assert len(session.scalars(select(Trainee)).all()) == 2
