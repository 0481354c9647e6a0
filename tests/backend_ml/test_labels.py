"""The label store says the same in whatever order, and however often, it hears of things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend_ml import digesting, events, reconciling
from backend_ml.labels import LabelStore
from backend_ml.tables import (
    AnnotationRow,
    Base,
    Event,
    LabelRow,
    PlanRow,
    PublicationRow,
    TaskRow,
)
from backend_ml.waiting import open_tasks
from backend_ml.workshop import Workshop, open_workshop
from projects.kinds import registry
from projects.kit.database import transaction
from projects.vocabulary import Mark, Task, answer_from_json, answer_to_json
from tests.backend_ml.conftest import START, Desk, make_settings
from tests.fakes.label_studio import FakeLabelStudio

PROJECT = 5
KIND = registry.load("intent")
LABELS = KIND.labels[:3]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder: Path = tmp_path_factory.mktemp("labels")
    made = open_workshop(
        make_settings(folder, projects={PROJECT: "intent"}), studio=FakeLabelStudio().writer()
    )
    yield made
    for factory in (made.sessions, made.reading):
        factory.kw["bind"].dispose()


def annotation(number: int, task: int, version: int, **changes: Any) -> dict[str, Any]:
    moment = (START + timedelta(seconds=number * 100 + version)).isoformat()
    label = LABELS[(number + version) % 3]
    region = {"from_name": "intent", "type": "choices", "value": {"choices": [label]}}
    return {
        "id": number,
        "task": task,
        "result": [region],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": START.isoformat(),
        "updated_at": moment,
        "completed_by": 1,
        "lead_time": 2.5,
        "prediction": {},
    } | changes


def task_row(number: int) -> dict[str, Any]:
    return {"id": number, "data": {"text": f"text {number}"}, "created_at": START.isoformat()}


def call(action: str, **body: Any) -> dict[str, Any]:
    return {"action": action, "project": {"id": PROJECT}, **body}


def created(number: int, task: int, version: int = 0, **changes: Any) -> dict[str, Any]:
    action = "ANNOTATION_CREATED" if version == 0 else "ANNOTATION_UPDATED"
    row = annotation(number, task, version, **changes)
    return call(action, annotation=row, task=task_row(task))


CALLS = st.one_of(
    st.builds(
        lambda number, version, skipped: created(
            number, number % 3 + 1, version, was_cancelled=skipped and version == 2
        ),
        st.integers(1, 5),
        st.integers(0, 3),
        st.booleans(),
    ),
    st.builds(lambda n: call("ANNOTATIONS_DELETED", annotations=[{"id": n}]), st.integers(1, 5)),
    st.builds(lambda n: call("TASKS_DELETED", tasks=[{"id": n}]), st.integers(1, 3)),
    st.builds(lambda n: call("TASKS_CREATED", tasks=[task_row(n)]), st.integers(1, 3)),
)


def distinct(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One state per moment, as in the real world: the same key means the same content."""
    return list({heard(one).key: one for one in calls}.values())


def heard(body: dict[str, Any]) -> events.Heard:
    found = events.read(body, KIND)
    assert found is not None
    return found


def store_after(workshop: Workshop, calls: Sequence[dict[str, Any]]) -> list[list[Any]]:
    with transaction(workshop.sessions) as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(sa.delete(table))
        for body in calls:
            one = heard(body)
            event = Event(action=one.action, project_id=PROJECT, body=one.body)
            digesting.apply(session, event, digesting.open_store(session, workshop, PROJECT))
        session.flush()
        found: list[list[Any]] = []
        for row_class in (AnnotationRow, LabelRow, TaskRow):
            table = Base.metadata.tables[row_class.__tablename__]
            columns = [column for column in table.columns if column.name != "seen_at"]
            rows = session.execute(sa.select(*columns).order_by(*table.primary_key.columns))
            found.append([tuple(row) for row in rows])
        return found


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(CALLS, max_size=10).map(distinct), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(
    workshop: Workshop,
    calls: list[dict[str, Any]],
    random: Any,
) -> None:
    once = store_after(workshop, calls)
    shuffled = [*calls, *calls]
    random.shuffle(shuffled)
    assert store_after(workshop, shuffled) == once


def label_of(workshop: Workshop, calls: Sequence[dict[str, Any]]) -> tuple[Any, ...] | None:
    rows = store_after(workshop, calls)[1]
    return None if not rows else rows[0]


def test_a_skipped_annotation_is_no_label(workshop: Workshop) -> None:
    assert label_of(workshop, [created(1, 1, was_cancelled=True, result=[])]) is None


def test_an_empty_choice_is_no_label(workshop: Workshop) -> None:
    assert label_of(workshop, [created(1, 1, result=[])]) is None


def test_skipping_afterwards_takes_the_label_back(workshop: Workshop) -> None:
    assert label_of(workshop, [created(1, 1)]) is not None
    assert label_of(workshop, [created(1, 1), created(1, 1, 1, was_cancelled=True)]) is None


def test_of_two_people_the_newest_counts_and_truth_before_both(workshop: Workshop) -> None:
    first, second = created(1, 1), created(2, 1)
    assert label_of(workshop, [second, first])[2] == 2  # type: ignore[index]
    truth = created(1, 1, 1, ground_truth=True)
    assert label_of(workshop, [first, truth, second])[2] == 1  # type: ignore[index]


def test_what_was_shown_is_kept_with_the_label(workshop: Workshop) -> None:
    shown = {"model_version": "intent-0003", "score": 0.7, "result": []}
    shown["result"] = annotation(1, 1, 0)["result"]
    label = label_of(workshop, [created(1, 1, prediction=shown), created(1, 1, 1)])
    assert label is not None
    assert ("intent-0003", 0.7) == (label[10], label[11])
    assert label[13] == "corrected"
    same = label_of(workshop, [created(1, 1, prediction=shown)])
    assert same is not None
    assert same[13] == "accepted"


@pytest.mark.parametrize(
    ("prediction", "outcome", "estimated"),
    [({}, "unaided", False), (None, "accepted", True)],
)
def test_nothing_shown_is_not_the_same_as_not_told(
    workshop: Workshop,
    prediction: dict[str, Any] | None,
    outcome: str,
    estimated: bool,  # noqa: FBT001
) -> None:
    body = created(1, 1, prediction=prediction)
    answer = KIND.read(body["annotation"]["result"], {})
    published = PublicationRow(
        project_id=PROJECT, version="intent-0001", task_id=1, confidence=0.9,
        answer=answer_to_json(answer), mark_confidences=[0.9], pushed_at=START,
    )  # fmt: skip
    plan = PlanRow(project_id=PROJECT, version="intent-0001", epoch=1, created_at=START)
    with transaction(workshop.sessions) as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(sa.delete(table))
        session.add(plan)
        session.flush()
        published.plan_id = plan.id
        session.add(published)
        event = Event(action="ANNOTATION_CREATED", project_id=PROJECT, body=heard(body).body)
        digesting.apply(session, event, digesting.open_store(session, workshop, PROJECT))
        label = session.scalars(sa.select(LabelRow)).one()
        assert (label.outcome, label.suggestion_estimated) == (outcome, estimated)


def test_no_spans_is_an_answer(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk("details", tasks=3)
    desk.workshop.studio.create_annotation(desk.task_ids[0], [])
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        assert session.scalars(sa.select(LabelRow.answer)).all() == [[]]


def test_the_look_finds_what_no_event_told(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(tasks=6)
    desk.answer(4)
    desk.hear()
    studio = desk.workshop.studio
    gone = studio.annotations(desk.task_ids[0])[0]
    studio.request("DELETE", f"/api/annotations/{gone.id}/")
    studio.delete_task(desk.task_ids[1])
    desk.answer(1, first=4)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        labelled = set(session.scalars(sa.select(LabelRow.task_id)))
    # The task that is gone shows in the next comparison of the whole list only.
    assert labelled - {desk.task_ids[1]} == set(desk.task_ids[2:5])
    for _ in range(30):
        desk.hear()
    with transaction(desk.workshop.sessions) as session:
        assert set(session.scalars(sa.select(LabelRow.task_id))) == set(desk.task_ids[2:5])


def test_a_look_at_everything_writes_only_what_has_moved(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it holds the database's lock for minutes where there are 100,000 tasks."""
    desk = make_desk(tasks=6)
    desk.answer(4)
    desk.hear()
    seen: list[int] = []
    compare = LabelStore.compare

    def watched(store: LabelStore, task: Task) -> None:
        seen.append(task.id)
        compare(store, task)

    monkeypatch.setattr(LabelStore, "compare", watched)
    monkeypatch.setattr(reconciling, "OVERLAP", timedelta(seconds=-3600))  # only whole looks see
    for _ in range(30):
        desk.hear()
    assert seen == []
    studio = desk.workshop.studio
    changed = studio.annotations(desk.task_ids[0])[0]
    desk.clock.forward(5)
    regions = desk.kind.write((Mark(desk.kind.control, "Decline"),), {"text": ""})
    studio.request("PATCH", f"/api/annotations/{changed.id}/", json_body={"result": regions})
    gone = studio.annotations(desk.task_ids[1])[0]
    studio.request("DELETE", f"/api/annotations/{gone.id}/")
    desk.answer(1, first=4)
    for _ in range(30):
        desk.hear()
    assert sorted(seen) == [desk.task_ids[i] for i in (0, 1, 4)]
    with transaction(desk.workshop.sessions) as session:
        labelled = {row.task_id: row.answer for row in session.scalars(sa.select(LabelRow))}
    assert set(labelled) == {desk.task_ids[i] for i in (0, 2, 3, 4)}
    assert answer_from_json(labelled[desk.task_ids[0]])[0].label == "Decline"


def test_only_what_was_touched_is_written_out(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(tasks=6)
    desk.answer(4)
    desk.hear()
    desk.clock.forward(5)
    desk.answer(1, first=4)
    written: list[int] = []
    listed = desk.workshop.studio.tasks

    def watched(*args: Any, **options: Any) -> Iterator[Task]:
        for task in listed(*args, **options):
            written.append(task.id)
            yield task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.workshop.studio, "tasks", watched)
        for _ in range(31):  # one of them is a look at everything
            desk.hear()
    assert written == [desk.task_ids[4]]


def test_a_task_that_the_pages_miss_is_not_forgotten(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(tasks=6)
    desk.answer(4)
    desk.hear()
    studio = desk.workshop.studio
    listed, missed = studio.touched, desk.task_ids[1]
    studio.delete_task(desk.task_ids[0])

    def without_one(*args: Any, **options: Any) -> dict[int, datetime]:
        return {n: when for n, when in listed(*args, **options).items() if n != missed}

    monkeypatch.setattr(studio, "touched", without_one)
    for _ in range(30):
        desk.hear()
    with transaction(desk.workshop.sessions) as session:
        assert set(session.scalars(sa.select(LabelRow.task_id))) == set(desk.task_ids[1:4])


def test_a_task_that_is_shown_again_counts_again(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(tasks=4)
    desk.answer(2)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        store = LabelStore(session, desk.project_id, desk.kind, now=desk.clock())
        store.forget_tasks(desk.task_ids[:3])
    for _ in range(30):
        desk.hear()
    with transaction(desk.workshop.sessions) as session:
        assert set(session.scalars(sa.select(LabelRow.task_id))) == set(desk.task_ids[:2])
        assert [task for task, _ in open_tasks(session, desk.project_id)] == desk.task_ids[2:]
