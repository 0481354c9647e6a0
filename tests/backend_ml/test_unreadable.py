"""One thing that cannot be read holds up nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from backend_ml import digesting, events, worker
from backend_ml.tables import Event, LabelRow
from projects.kinds.base import Kind
from projects.kit.database import transaction
from projects.vocabulary import Answer
from tests.backend_ml.conftest import START, Desk

MakeDesk = Callable[..., Desk]
BROKEN = "<broken>"


@pytest.fixture(autouse=True)
def _broken_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region of the label ``<broken>`` cannot be read, in a way that nobody foresaw."""
    honest = Kind.read

    def read(kind: Kind, regions: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> Answer:
        if any(BROKEN in str(region) for region in regions):
            raise AttributeError(BROKEN)
        return honest(kind, regions, data)

    monkeypatch.setattr(Kind, "read", read)


def region(label: str) -> dict[str, Any]:
    value = {"choices": [label]}
    return {"from_name": "intent", "to_name": "message", "type": "choices", "value": value}


def labelled(desk: Desk) -> set[int]:
    with transaction(desk.workshop.sessions) as session:
        return set(session.scalars(sa.select(LabelRow.task_id)))


def test_a_task_that_cannot_be_read_does_not_hold_up_the_look(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=6)
    desk.answer(2)
    desk.workshop.studio.create_annotation(desk.task_ids[2], [region(BROKEN)])
    desk.answer(3, first=3)
    desk.hear()
    assert labelled(desk) == set(desk.task_ids) - {desk.task_ids[2]}


def call(desk: Desk, number: int, label: str) -> dict[str, Any]:
    moment = START.isoformat()
    return {
        "action": "ANNOTATION_CREATED",
        "project": {"id": desk.project_id},
        "task": {"id": number, "data": {"text": "hello"}, "created_at": moment},
        "annotation": {
            "id": number,
            "task": number,
            "result": [region(label)],
            "created_at": moment,
            "updated_at": moment,
        },
    }


def test_an_event_that_cannot_be_handled_is_counted_and_the_others_go_on(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(tasks=0)
    with transaction(desk.workshop.sessions) as session:
        for number, label in ((1, BROKEN), (2, "Cancel")):
            heard = events.read(call(desk, number, label), desk.kind)
            assert heard is not None
            events.record_once(session, heard, now=START)
    assert digesting.digest(desk.workshop, desk.project_id) == 1
    assert labelled(desk) == {2}
    with transaction(desk.workshop.sessions) as session:
        stuck = session.scalars(sa.select(Event).where(Event.handled_at.is_(None))).one()
        assert (stuck.attempts, stuck.error) == (1, "AttributeError")


def test_a_look_that_fails_ends_nothing(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(tasks=1)
    asked: list[int] = []

    def fail(_: object, project_id: int) -> int:
        asked.append(project_id)
        raise AttributeError(BROKEN)

    monkeypatch.setattr("backend_ml.reconciling.reconcile", fail)
    worker._reconcile(desk.workshop)
    assert asked == [desk.project_id]
