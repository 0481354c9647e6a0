"""What is published: also without help, for many people, and what they have before them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import model_store, planning, plans, publishing, waiting
from backend_ml.selecting import ACTIVE, RANDOM
from backend_ml.tables import AssignmentRow, LabelRow, PlanRow, ProjectRow, PublicationRow
from projects.kinds.base import Kind
from projects.kit.database import transaction
from tests.backend_ml.conftest import Desk

MakeDesk = Callable[..., Desk]


def served(desk: Desk) -> str:
    return desk.workshop.studio.project(desk.project_id).model_version


def publish(desk: Desk) -> int:
    return publishing.publish(desk.workshop, desk.project_id)


def publications(desk: Desk) -> list[PublicationRow]:
    with transaction(desk.workshop.sessions) as session:
        return list(session.scalars(sa.select(PublicationRow)))


def at_work(desk: Desk, people: list[int]) -> None:
    with transaction(desk.workshop.sessions) as session:
        session.get_one(ProjectRow, desk.project_id).people = people


def test_a_task_without_a_suggestion_has_its_place_in_the_queue(make_desk: MakeDesk) -> None:
    desk = make_desk(abstain_below=1.0)
    desk.listen()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    assert publish(desk) == 40
    rows = publications(desk)
    assert all(row.abstained and row.answer == [] for row in rows)
    assert len({row.confidence for row in rows}) > 1
    pushed = [p for t in desk.workshop.studio.tasks(desk.project_id) for p in t.predictions]
    assert {p.regions for p in pushed} == {()}
    desk.clock.forward(5)
    desk.answer_task(rows[0].task_id)
    with transaction(desk.workshop.sessions) as session:
        label = session.get_one(LabelRow, (desk.project_id, rows[0].task_id))
    assert (label.outcome, label.suggested_version) == ("unaided", "intent-0001")
    assert label.suggested_answer is None
    assert not label.suggestion_estimated


def test_nothing_to_mark_is_a_suggestion_and_abstaining_is_none(make_desk: MakeDesk) -> None:
    desk = make_desk("details", tasks=2)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        plan = PlanRow(project_id=desk.project_id, version="v", epoch=1, created_at=desk.clock())
        session.add(plan)
        session.flush()
        for task_id, abstained in zip(desk.task_ids, (False, True), strict=True):
            session.add(
                PublicationRow(
                    project_id=desk.project_id, version="v", task_id=task_id, plan_id=plan.id,
                    confidence=0.4, answer=[], mark_confidences=[], abstained=abstained,
                    pushed_at=desk.clock(),
                )
            )  # fmt: skip
    desk.answer(2)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        rows = session.scalars(sa.select(LabelRow).order_by(LabelRow.task_id)).all()
    assert [row.outcome for row in rows] == ["corrected", "unaided"]


@pytest.fixture
def without_rules(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    # A property wins over what an instance has remembered of it.
    monkeypatch.setattr(Kind, "rules", property(lambda _: None))
    return make_desk(tasks=60, batch_size=20, strategy="adaptive")


def test_the_first_batches_are_chosen_before_anything_serves(without_rules: Desk) -> None:
    desk = without_rules
    desk.hear()
    with desk.workshop.reading() as session:
        assert planning.runs_low(session, desk.workshop, desk.project_id)
    assert publish(desk) == 20
    assert served(desk) == "intent-0000"
    pushed = [p for t in desk.workshop.studio.tasks(desk.project_id) for p in t.predictions]
    assert {(p.confidence, p.regions) for p in pushed} == {(0.0, ())}
    with desk.workshop.reading() as session:
        assert not planning.runs_low(session, desk.workshop, desk.project_id)
    assert publish(desk) == 0


def test_the_first_model_takes_over(without_rules: Desk) -> None:
    desk = without_rules
    desk.hear()
    publish(desk)
    cold = {task_id for task_id, _ in desk.stored()}
    desk.answer(40)
    desk.hear()
    assert desk.train("one") == "intent-0001"
    publish(desk)
    assert served(desk) == "intent-0001"
    with transaction(desk.workshop.sessions) as session:
        outcomes = session.scalars(
            sa.select(LabelRow.outcome).where(LabelRow.task_id.in_(cold))
        ).all()
    assert set(outcomes) == {"unaided"}


def test_with_rules_the_queue_waits_for_them(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=30)
    desk.hear()
    assert desk.kind.rules is not None
    assert publish(desk) == 0
    assert served(desk) == ""


def test_what_people_have_before_them_keeps_a_suggestion(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=160, batch_size=20)
    desk.answer(30)
    desk.hear()
    desk.train("one")
    publish(desk)
    at_work(desk, [1, 2])
    desk.answer(30, first=130)
    desk.hear()
    at_work(desk, [1, 2])
    desk.train("two")
    untouched = {t.id for t in desk.workshop.studio.tasks(desk.project_id) if not t.annotations}
    expected = [row.task_id for row in sorted(publications(desk), key=lambda r: r.confidence)]
    expected = [task_id for task_id in expected if task_id in untouched][:4]
    publish(desk)
    now = {task_id for task_id, version in desk.stored() if version == "intent-0002"}
    assert set(expected) <= now
    with transaction(desk.workshop.sessions) as session:
        arms = sa.select(AssignmentRow.arm).where(AssignmentRow.task_id.in_(expected))
        assert set(session.scalars(arms)) <= {ACTIVE, RANDOM}


def test_more_people_make_a_larger_queue(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=10)
    desk.hear()
    with desk.workshop.reading() as session:
        few = planning.sizes(session, desk.workshop, desk.project_id)
    at_work(desk, list(range(1, 11)))
    with desk.workshop.reading() as session:
        many = planning.sizes(session, desk.workshop, desk.project_id)
    assert (few.low_water, few.batch) == (15, 40)
    # Three for each of ten people, and a batch of twice that.
    assert (many.low_water, many.batch, many.people) == (30, 60, 10)


def test_a_rollback_is_shown_although_its_queue_is_full(make_desk: MakeDesk) -> None:
    desk = make_desk(batch_size=20)
    desk.answer(30)
    desk.hear()
    desk.train("one")
    publish(desk)
    first = model_row(desk)
    desk.answer(10, first=110)
    desk.hear()
    desk.train("two")
    publish(desk)
    assert served(desk) == "intent-0002"
    with transaction(desk.workshop.sessions) as session:
        model_store.serve(session, session.merge(first))
    with desk.workshop.reading() as session:
        assert planning.runs_low(session, desk.workshop, desk.project_id)
    publish(desk)
    assert served(desk) == "intent-0001"
    with desk.workshop.reading() as session:
        assert not planning.runs_low(session, desk.workshop, desk.project_id)
        assert plans.last_version(session, desk.project_id) == "intent-0001"


def model_row(desk: Desk) -> Any:
    with transaction(desk.workshop.sessions) as session:
        return model_store.champion(session, desk.project_id)


@pytest.mark.parametrize("what", ["gone", "config_problem"])
def test_a_project_that_cannot_be_served_is_left_alone(make_desk: MakeDesk, what: str) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    with transaction(desk.workshop.sessions) as session:
        row = session.get_one(ProjectRow, desk.project_id)
        setattr(row, what, True if what == "gone" else "no such control")
        session.add(
            PlanRow(project_id=desk.project_id, version="v", epoch=1, created_at=desk.clock())
        )
    with desk.workshop.reading() as session:
        assert planning.runs_low(session, desk.workshop, desk.project_id)  # to give the plan up
    assert publish(desk) == 0
    assert desk.stored() == []
    with desk.workshop.reading() as session:
        assert not planning.runs_low(session, desk.workshop, desk.project_id)


def test_tasks_answered_while_a_batch_is_chosen_are_left_out(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading many tasks takes seconds, and people go on meanwhile."""
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    with desk.workshop.reading() as session:
        now = planning.serving(session, desk.workshop, desk.project_id)
    assert now is not None
    read = waiting.texts

    def late(session: Session, project_id: int) -> dict[int, str]:
        desk.answer(30, first=40)
        desk.hear()
        return read(session, project_id)

    monkeypatch.setattr(waiting, "texts", late)
    plan = planning.decide(desk.workshop, desk.project_id, desk.kind, now)
    assert plan is not None
    with desk.workshop.reading() as session:
        planned = {row.task_id for row in plans.rows(session, plan.id)}
    assert planned
    assert planned <= set(desk.task_ids[70:])


def test_a_label_that_is_not_offered_any_more_is_not_suggested(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    config = re.sub(r'<Choice value="Cancel"[^>]*/>', "", desk.kind.label_config)
    kind = desk.kind.with_config(config)
    assert "Cancel" not in kind.labels
    with desk.workshop.reading() as session:
        now = planning.serving(session, desk.workshop, desk.project_id)
    assert now is not None
    assert planning.decide(desk.workshop, desk.project_id, kind, now) is not None
    labels = {mark["label"] for row in publications(desk) for mark in row.answer}
    assert "Cancel" not in labels
    assert any(row.abstained and row.confidence > 0.1 for row in publications(desk))


def test_begun_tasks_are_published_besides(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=100, batch_size=20)
    desk.answer(30)
    desk.hear()
    desk.workshop.studio.update_project(desk.project_id, maximum_annotations=2)
    desk.hear()
    at_work(desk, [desk.fake.user_id("admin@example.com"), 99])
    desk.train("one")
    publish(desk)
    with desk.workshop.reading() as session:
        begun = waiting.begun(session, desk.project_id, most=100)
        arms = session.scalars(sa.select(AssignmentRow.task_id)).all()
    assert begun == desk.task_ids[:30]
    published = {task_id for task_id, _ in desk.stored()}
    assert set(begun) <= published
    assert len(published) == 30 + 20
    assert set(arms).isdisjoint(begun)
