"""No task is written out for us twice, and none that changed is missed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from projects.vocabulary import Project, ProjectId, Task
from sandbox_sync.db.tables import PracticeItem
from sandbox_sync.workflows import looking, practice, production, reconcile
from sandbox_sync.workflows.looking import OVERLAP, Seen
from sandbox_sync.workflows.room import Room
from tests.fakes.label_studio import FakeLabelStudio
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house
from tests.support.studio import CONFIG, import_texts
from tests.support.studio import choice as region

ONE, TWO = INTENT.labels[:2]


@pytest.fixture
def writer(fake: FakeLabelStudio) -> LabelStudioWriter:
    return fake.writer()


@pytest.fixture
def project(writer: LabelStudioWriter) -> Project:
    return writer.create_project("Looked at", label_config=CONFIG)


class Looker:
    """Looks at one project, and notes what it finds."""

    def __init__(self, writer: LabelStudioWriter, project: Project) -> None:
        self.writer, self.project, self.seen = writer, project.id, Seen()
        first = list(looking.everything(writer, project.id))
        self.until = max(task.updated_at for tasks in first for task in tasks)
        self._note(first)

    def changes(self) -> list[int]:
        found = looking.changes(self.writer, self.seen, self.project, until=self.until)
        return self._note(list(found))

    def answers(self) -> list[int]:
        found = looking.answers(self.writer, self.seen, self.project, until=self.until)
        return self._note(list(found))

    def _note(self, pieces: list[list[Task]]) -> list[int]:
        tasks = [task for piece in pieces for task in piece]
        self.seen.note(tasks)
        self.until = max([self.until, *(task.updated_at for task in tasks)])
        return [task.id for task in tasks]


def test_what_was_seen_as_it_is_is_not_found_again(
    writer: LabelStudioWriter, project: Project
) -> None:
    first, second = import_texts(writer, project, "one", "two")
    looker = Looker(writer, project)
    assert looker.changes() == []
    writer.create_annotation(first, [region("order")])
    assert looker.changes() == [first]
    assert looker.changes() == looker.answers() == []
    writer.create_annotation(second, [region("order")])
    assert looker.answers() == [second]
    assert looker.answers() == looker.changes() == []


@pytest.mark.parametrize("look", ["changes", "answers"])
def test_an_answer_that_changes_at_once_is_found_again(
    writer: LabelStudioWriter, project: Project, look: str
) -> None:
    (task,) = import_texts(writer, project, "one")
    looker = Looker(writer, project)
    annotation = writer.create_annotation(task, [region("order")])
    assert looker.answers() == [task]
    writer.request("PATCH", f"/api/annotations/{annotation.id}/", json_body={"result": []})
    assert getattr(looker, look)() == [task]


def test_what_was_committed_late_is_found_behind_what_is_newer(
    fake: FakeLabelStudio, writer: LabelStudioWriter, project: Project
) -> None:
    late, early = import_texts(writer, project, "one", "two")
    looker = Looker(writer, project)
    writer.create_annotation(early, [region("order")])
    assert looker.answers() == [early]
    writer.create_annotation(late, [region("order")])
    fake.store.tasks[late].updated_at = looker.until - timedelta(seconds=30)
    assert looker.answers() == []  # too late for whoever waits
    assert looker.changes() == [late]


def test_many_new_ones_come_some_at_a_time(writer: LabelStudioWriter, project: Project) -> None:
    (first,) = import_texts(writer, project, "one")
    looker = Looker(writer, project)
    more = import_texts(writer, project, *(f"text {n}" for n in range(2 * looking.AT_ONCE + 1)))
    found = looking.changes(writer, looker.seen, project.id, until=looker.until)
    sizes = [len(piece) for piece in found]
    assert sizes == [looking.AT_ONCE, looking.AT_ONCE, 1]
    assert sorted(looker.changes()) == sorted(more)
    assert first not in more


def test_what_no_look_reaches_is_forgotten(writer: LabelStudioWriter, project: Project) -> None:
    (task,) = import_texts(writer, project, "one")
    looker = Looker(writer, project)
    assert set(looker.seen.of(project.id, since=looker.until - OVERLAP)) == {task}
    list(looking.changes(writer, looker.seen, project.id, until=looker.until + 2 * OVERLAP))
    assert looker.seen.of(project.id, since=looker.until - OVERLAP) == {}


def test_several_threads_look_at_one_project() -> None:
    """Else "dictionary changed size during iteration"."""
    seen, moment = Seen(), datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    tasks = [Task(n, ProjectId(1), {}, {}, moment, moment, False) for n in range(5_000)]

    def note(part: int) -> None:
        for task in tasks[part::4]:
            seen.note([task])

    with ThreadPoolExecutor(5) as threads:
        notes = [threads.submit(note, part) for part in range(4)]
        while not all(one.done() for one in notes):
            assert len(seen.of(1, since=moment - OVERLAP)) <= len(tasks)
        for one in notes:
            one.result()
    assert len(seen.of(1, since=moment - OVERLAP)) == len(tasks)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running_house(tmp_path) as built:
        yield built


def test_what_could_not_be_recorded_is_looked_at_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()

    def fails(room: Room, tasks: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(practice, "record", fails)
        house.practise(ADA, "intent", task, choice(ONE))
        with pytest.raises(RuntimeError):
            house.drain()
    assert house.summary()["submissions"] == 0
    house.reconcile(passes=1)
    assert house.summary()["submissions"] == 1


def test_an_answer_that_came_before_its_copy_was_noted_is_looked_at_again(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    clone = house.clone_of(ADA, task)
    mine = PracticeItem.sandbox_task_id
    with house.room.transaction() as session:
        session.execute(update(PracticeItem).where(mine == clone).values(sandbox_task_id=None))
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    house.reconcile()
    assert house.summary()["submissions"] == 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that Label Studio has written out for a look since."""
    found: list[int] = []
    listed = LabelStudioReader.tasks

    def watched(reader: LabelStudioReader, project_id: int, **which: Any) -> Iterator[Task]:
        for task in listed(reader, project_id, **which):
            found.append(task.id)
            yield task

    monkeypatch.setattr(LabelStudioReader, "tasks", watched)
    return found


def test_a_thorough_look_has_nothing_written_out_that_is_known(
    house: House, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = house.publish("intent", ["First", "Second"])
    house.reconcile()
    for task in (first, second):
        house.answer("intent", task, choice(ONE))
        house.practise(ADA, "intent", task, choice(ONE))
        house.practise(BEN, "intent", task, choice(ONE))
    house.reconcile(passes=3)
    written.clear()
    house.room.batches.clear()  # one that a thorough look has recorded anew
    house.reconcile(passes=1)
    assert sorted(written) == [first, second]
    written.clear()
    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "THOROUGH_EVERY", 1)
        patch.setattr(production, "_record_batch", lambda *_: None)
        house.reconcile(passes=2)
    assert written == []


def test_a_task_that_is_no_copy_has_no_other_written_out(house: House, written: list[int]) -> None:
    """Any member may import tasks of their own into their practice project."""
    tasks = house.publish("intent", ["First", "Second"])
    house.reconcile()
    copies = [house.clone_of(ADA, task) for task in tasks]
    copy = house.sandbox.writer().task(copies[0])
    (own,) = house.sandbox.writer().import_tasks(copy.project_id, [{"data": copy.data}])
    house.reconcile()
    written.clear()
    house.reconcile(passes=2)
    assert own in written
    assert not set(copies) & set(written)
