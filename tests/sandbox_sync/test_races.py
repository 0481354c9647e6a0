"""Several workers, and several processes on one database, at the same queue in the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sandbox_sync.app import Parts, create_app
from sandbox_sync.db.tables import LaneRow, PracticeItem
from sandbox_sync.workflows import practice, production, reveal
from sandbox_sync.workflows.fill_lane import fill
from sandbox_sync.workflows.room import Room
from sandbox_sync.workflows.tend_lane import bring_project
from tests.sandbox_sync.house import ADA, BEN, INTENT, HandAcceptor, House, choice, running_house
from tests.sandbox_sync.test_reveal import references

AT_ONCE = 3


@pytest.fixture
def busy(tmp_path: Path, database_url: str) -> Iterator[House]:
    """A house whose copies may still be under way for a while after somebody began with them."""
    with running_house(
        tmp_path, database_url=database_url, in_flight_seconds=60, queue_depth=5, ahead=50
    ) as house:
        house.sandbox.deliver = house.production.deliver = None
        yield house


@pytest.fixture
def rooms(busy: House, tmp_path: Path) -> Iterator[Sequence[Room]]:
    """The rooms of two processes on the same database, one with several workers."""
    settings = busy.settings.model_copy(update={"executor_id": "another"})
    parts = Parts(
        production_http=busy.production.client(),
        sandbox_http=busy.sandbox.client(),
        acceptor=HandAcceptor(),
        runs_engine=False,
    )
    first = busy.room
    with TestClient(create_app(settings, parts=parts)) as other:
        yield [first, other.app.state.room] * AT_ONCE  # type: ignore[attr-defined]


def together(work: Sequence[Callable[[], object]]) -> None:
    """Begin all of these in the same moment and wait for them."""
    start, errors = threading.Barrier(len(work)), list[BaseException]()

    def run(one: Callable[[], object]) -> None:
        start.wait()
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_each_copy_is_made_once_and_no_queue_gets_too_long(
    busy: House, rooms: Sequence[Room]
) -> None:
    busy.reconcile(passes=1)
    for round_ in range(3):
        busy.publish("intent", [f"{round_}-{number}" for number in range(3)])

        production.look_at_projects(busy.room)
        with busy.room.reading() as session:
            lanes = [row.id for row in session.query(LaneRow)]
        together([partial(fill, room, lane) for room in rooms for lane in lanes])
        with busy.room.reading() as session:
            items = session.query(PracticeItem).all()
        keys = Counter(task.meta["practice"] for task in busy.sandbox.store.tasks.values())
        assert set(keys.values()) == {1}
        assert set(keys) == {item.key for item in items}
        assert all(item.sandbox_task_id and item.suggested_at for item in items)
        suggested = Counter(row.task for row in busy.sandbox.store.predictions.values())
        assert set(suggested.values()) == {1}
        each = Counter(item.trainee_id for item in items)
        assert set(each.values()) == {min(5, 3 * (round_ + 1))}


def test_a_reference_is_shown_once(busy: House, rooms: Sequence[Room]) -> None:
    (task,) = busy.publish("intent", ["First"])
    busy.reconcile()
    busy.answer("intent", task, choice(INTENT.labels[0]))
    for email in (ADA, BEN):
        busy.practise(email, "intent", task, choice(INTENT.labels[1]))

    production.look_at_projects(busy.room)
    practice.look_at_lanes(busy.room)
    together([partial(reveal.reveal_due, room) for room in rooms])
    shown = [p for p in busy.sandbox.store.predictions.values() if p.model_version == "reference"]
    assert len(shown) == len(references(busy)) == 2
    with busy.room.reading() as session:
        known = {item.reveal_prediction_id for item in session.query(PracticeItem)}
    assert known == {p.id for p in shown}


def test_a_reference_is_never_there_when_somebody_gets_the_item(
    busy: House, rooms: Sequence[Room]
) -> None:
    """Showing to those who have answered, and copying for a newcomer, at once."""
    (task,) = busy.publish("intent", ["First"])
    busy.reconcile()
    busy.answer("intent", task, choice(INTENT.labels[0]))
    for email in (ADA, BEN):
        busy.practise(email, "intent", task, choice(INTENT.labels[1]))
    busy.sandbox.add_user("cleo@example.com")

    production.look_at_projects(busy.room)
    practice.look_at_lanes(busy.room)
    practice.find_trainees(busy.room)
    with busy.room.reading() as session:
        lanes = [row.id for row in session.query(LaneRow) if row.sandbox_project_id is None]
    for lane in lanes:
        bring_project(busy.room, lane)
    work: list[Callable[[], object]] = []
    for room in rooms:
        work.append(partial(reveal.reveal_due, room))
        work += [partial(fill, room, lane) for lane in lanes]
    together(work)
    for lane in lanes:
        fill(busy.room, lane)
    copy_is_there = len(busy.sandbox.store.tasks) == 3
    assert not (copy_is_there and references(busy))
    busy.settings.in_flight_seconds = 0
    for _ in range(2):
        for lane in lanes:
            fill(busy.room, lane)
        reveal.reveal_due(busy.room)
    assert len(busy.sandbox.store.tasks) == 3
    assert references(busy) == {}
