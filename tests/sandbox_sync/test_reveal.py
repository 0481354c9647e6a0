"""The reference beside the trainee's own answer, and never where somebody can still answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from projects.kit.errors import LabelStudioRefused
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Prediction
from sandbox_sync.db.tables import GoldItem, PracticeItem
from sandbox_sync.workflows import reveal
from tests.fakes.label_studio import FakeLabelStudio
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_states import copies

ONE, TWO, THREE = INTENT.labels[:3]
CLEO = "cleo@example.com"


def references(house: House) -> dict[int, list[Json]]:
    """What is shown as the reference, by sandbox task."""
    return {
        row.task: row.result
        for row in house.sandbox.store.predictions.values()
        if row.model_version == "reference"
    }


def regions(label: str) -> list[Json]:
    return list(INTENT.write(choice(label), {"text": "First"}))


def said(result: list[Json]) -> list[str]:
    return [region["value"]["choices"][0] for region in result]


@pytest.fixture
def asked(house: House) -> int:
    """A production task that production and ADA have answered, and BEN has open."""
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.answer("intent", task, choice(ONE))
    house.practise(ADA, "intent", task, choice(TWO))
    house.reconcile()
    return task


def test_it_comes_when_nobody_has_the_item_open(house: House, asked: int) -> None:
    assert references(house) == {}
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    shown = references(house)
    assert set(shown) == {house.clone_of(ADA, asked), house.clone_of(BEN, asked)}
    assert [said(result) for result in shown.values()] == [[ONE], [ONE]]
    house.reconcile(passes=3)
    assert references(house) == shown
    count = sum(p.model_version == "reference" for p in house.sandbox.store.predictions.values())
    assert count == 2
    versions = {p.fields["model_version"] for p in house.sandbox.store.projects.values()}
    assert versions <= {"suggestion", ""}


def test_a_skipped_item_is_still_open(house: House, asked: int) -> None:
    token = next(u.token for u in house.sandbox.store.users.values() if u.email == BEN)
    clone = house.clone_of(BEN, asked)
    house.sandbox.writer(token).create_annotation(clone, [], was_cancelled=True)
    house.reconcile()
    assert references(house) == {}


def test_many_are_shown_in_three_requests_for_each_project(house: House, asked: int) -> None:
    more = house.publish("intent", ["Second", "Third"])
    house.reconcile()
    for task in (asked, *more):
        house.answer("intent", task, choice(ONE))
        for email in (ADA, BEN):
            house.practise(email, "intent", task, choice(ONE))
    house.drain()
    before = len(house.sandbox.requests)
    reveal.reveal_due(house.room)
    assert len(references(house)) == 6
    assert [method for method, *_ in house.sandbox.requests[before:]] == ["GET", "POST", "GET"] * 2


def test_one_that_label_studio_refuses_keeps_no_other_away(
    house: House, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = house.publish("intent", ["Second"])
    house.reconcile()
    for task in (asked, other):
        house.answer("intent", task, choice(ONE))
        for email in (ADA, BEN):
            house.practise(email, "intent", task, choice(ONE))
    house.drain()
    refused = house.clone_of(ADA, asked)
    everywhere = {house.clone_of(email, task) for email in (ADA, BEN) for task in (asked, other)}
    push, pushed = LabelStudioWriter.push_predictions, Counter[int]()

    def strictly(writer: LabelStudioWriter, project: int, rows: list[Prediction]) -> None:
        pushed.update(row.task_id for row in rows)
        if refused in {row.task_id for row in rows}:
            raise LabelStudioRefused("predictions", 400, "no such label")
        push(writer, project, rows)

    with monkeypatch.context() as patched:
        patched.setattr(LabelStudioWriter, "push_predictions", strictly)
        for _ in range(3):  # not again at every look
            reveal.reveal_due(house.room)
            assert set(references(house)) == everywhere - {refused}
            assert pushed[refused] == 2
    (item_id,) = house.room.refused
    house.room.refused[item_id] -= reveal.REFUSED_FOR
    reveal.reveal_due(house.room)
    assert set(references(house)) == everywhere


def test_it_waits_for_a_copy_that_is_reserved_and_not_made(tmp_path: Path) -> None:
    with running_house(tmp_path) as house:
        (task,) = house.publish("intent", ["First"])
        house.reconcile()
        house.sandbox.writer().delete_task(house.clone_of(BEN, task))
        house.sandbox.fail_next("POST", "/api/projects/", status=503, times=50)
        house.answer("intent", task, choice(ONE))
        house.practise(ADA, "intent", task, choice(TWO))
        house.reconcile()
        assert copies(house, BEN) == []
        assert references(house) == {}


class Watch:
    """What stood in the sandbox whenever a copy was made."""

    def __init__(self, sandbox: FakeLabelStudio, patch: pytest.MonkeyPatch) -> None:
        self.made: list[int] = []
        self.seen: list[int] = []
        create = LabelStudioWriter.import_tasks

        def noted(writer: LabelStudioWriter, project_id: int, rows: list[Json]) -> list[int]:
            self.made += [len(rows)]
            rows_there = list(sandbox.store.predictions.values())
            self.seen += [p.task for p in rows_there if p.model_version == "reference"]
            return create(writer, project_id, rows)

        patch.setattr(LabelStudioWriter, "import_tasks", noted)


def test_it_is_gone_before_somebody_else_gets_the_item_and_comes_back_after(
    house: House, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    assert len(references(house)) == 2
    house.sandbox.add_user(CLEO)
    watch = Watch(house.sandbox, monkeypatch)
    house.reconcile(passes=3)
    assert len(copies(house, CLEO)) == 1
    assert watch.made
    assert watch.seen == []
    assert references(house) == {}
    house.practise(CLEO, "intent", asked, choice(ONE))
    house.reconcile()
    assert len(references(house)) == 3


def test_a_new_item_leaves_alone_what_is_shown_of_others(house: House, asked: int) -> None:
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    shown, before = references(house), len(house.sandbox.requests)
    assert len(shown) == 2
    house.publish("intent", ["Second"])
    house.reconcile()
    assert len(copies(house, ADA)) == 2
    assert references(house) == shown
    assert not [one for one in house.sandbox.requests[before:] if one[0] == "DELETE"]


def test_what_was_shown_can_be_kept_from_everybody_else(tmp_path: Path) -> None:
    with running_house(tmp_path, reveal="final") as house:
        (task,) = house.publish("intent", ["First"])
        house.reconcile()
        house.answer("intent", task, choice(ONE))
        for email in (ADA, BEN):
            house.practise(email, "intent", task, choice(ONE))
        house.reconcile()
        house.sandbox.add_user(CLEO)
        house.reconcile(passes=3)
        assert copies(house, CLEO) == []
        assert len(references(house)) == 2


def test_it_can_be_switched_off(house: House, asked: int) -> None:
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    assert len(references(house)) == 2
    house.settings.reveal = "off"
    house.reconcile()
    assert references(house) == {}


def test_a_corrected_reference_replaces_the_shown_one(house: House, asked: int) -> None:
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    annotation = next(iter(house.production.store.annotations))
    path = f"/api/annotations/{annotation}"
    house.production.writer().request("PATCH", path, json_body={"result": regions(THREE)})
    house.drain()
    house.reconcile()
    assert [said(result) for result in references(house).values()] == [[THREE], [THREE]]
    house.production.writer().request("DELETE", path)
    house.drain()
    house.reconcile()
    assert references(house) == {}


def test_gold_is_shown_to_nobody(house: House, asked: int) -> None:
    with house.room.transaction() as session:
        item = session.scalars(sa.select(PracticeItem)).first()
        assert item is not None
        gold = GoldItem(
            production_project_id=house.projects["intent"],
            kind="intent",
            snapshot=item.snapshot,
            origin="trainer",
            made_at=item.reserved_at,
            changed_at=item.reserved_at,
        )
        session.add(gold)
    house.practise(BEN, "intent", asked, choice(ONE))
    house.reconcile()
    assert references(house) == {}
    with house.room.transaction() as session:
        session.execute(sa.update(GoldItem).values(retired_at=item.reserved_at))
    house.reconcile()
    assert len(references(house)) == 2


@pytest.fixture
def answered(house: House, asked: int) -> int:
    """Both have answered; what may be shown has not been shown yet."""
    house.practise(BEN, "intent", asked, choice(ONE))
    house.drain()
    return asked


@pytest.mark.parametrize("lost", ["before", "after", "crash"])
def test_a_push_whose_id_was_not_learnt_is_found_again(
    house: House, answered: int, monkeypatch: pytest.MonkeyPatch, *, lost: str
) -> None:
    push = LabelStudioWriter.push_predictions
    failed: list[int] = []

    def cut_off(writer: LabelStudioWriter, project: int, rows: list[Prediction]) -> None:
        if rows and rows[0].model_version == "reference" and len(failed) < 2:
            failed.append(project)
            if lost != "before":
                push(writer, project, rows)
            raise KeyboardInterrupt if lost == "crash" else RuntimeError
        push(writer, project, rows)

    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "push_predictions", cut_off)
        for _ in range(5):
            try:
                reveal.reveal_due(house.room)
            except KeyboardInterrupt:
                continue
    house.reconcile()
    assert len(failed) == 2
    shown = [p for p in house.sandbox.store.predictions.values() if p.model_version == "reference"]
    assert sorted(p.task for p in shown) == sorted(
        house.clone_of(email, answered) for email in (ADA, BEN)
    )


def test_a_push_that_was_overtaken_is_taken_away_at_once(
    house: House, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it was under way, somebody was given the item and the reference was called back."""
    push = LabelStudioWriter.push_predictions

    def overtaken(writer: LabelStudioWriter, project: int, rows: list[Prediction]) -> None:
        push(writer, project, rows)
        if rows and rows[0].model_version == "reference":
            with house.room.transaction() as session:
                session.execute(sa.update(PracticeItem).values(revealed_at=None))

    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "push_predictions", overtaken)
        reveal.reveal_due(house.room)
    assert references(house) == {}


def test_a_push_that_landed_late_is_found_and_removed(house: House, asked: int) -> None:
    clone = house.clone_of(ADA, asked)
    project = house.sandbox.store.tasks[clone].project
    stray = Prediction(clone, "reference", None, tuple(regions(ONE)))
    house.sandbox.writer().push_predictions(project, [stray])
    house.reconcile(passes=1)  # the first pass of a reconciler is a thorough one
    assert references(house) == {}
