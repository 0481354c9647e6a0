"""A config that a trainee's project refuses begins a new project, and nothing is lost."""

from __future__ import annotations

import pytest

from projects.kit.database import now as this_moment
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Prediction, answer_to_json
from sandbox_sync.db import config_changes
from sandbox_sync.db.tables import (
    GoldItem,
    GoldRevision,
    Notice,
    PracticeItem,
    ProductionTask,
    SnapshotRow,
    Submission,
)
from tests.fakes.label_studio.records import PredictionRow, ProjectRow
from tests.sandbox_sync.house import ADA, ADMIN, BEN, INTENT, House, choice

ONE, TWO = INTENT.labels[:2]
RENAMED = INTENT.label_config.replace('name="intent"', 'name="purpose"')


def projects_of(house: House, email: str) -> list[ProjectRow]:
    rows = house.sandbox.store.projects.values()
    start = f"{INTENT.title} - practice of {email}"
    return [row for row in rows if row.fields["title"].startswith(start)]


def texts_in(house: House, project: ProjectRow) -> list[str]:
    return sorted(task.data["text"] for task in house.sandbox.store.tasks_of(project.id))


def one_answered_one_open(house: House) -> list[int]:
    ids = house.publish("intent", ["First", "Second"])
    house.reconcile()
    house.practise(ADA, "intent", ids[0], choice(TWO))
    house.drain()
    return ids


def rename_the_control(house: House) -> None:
    house.production.writer().update_project(house.projects["intent"], label_config=RENAMED)


def test_a_refused_config_begins_a_new_project_with_the_open_items(house: House) -> None:
    one_answered_one_open(house)
    rename_the_control(house)
    house.reconcile()
    assert house.failures == []
    (old, new), (bens,) = projects_of(house, ADA), projects_of(house, BEN)
    assert [old.label_config, new.label_config] == [INTENT.label_config, RENAMED]
    assert new.fields["title"] == f"{old.fields['title']} (2)"
    assert texts_in(house, old) == ["First"]
    assert texts_in(house, new) == ["Second"]
    # nobody had answered in BEN's: it took the config
    assert (bens.label_config, texts_in(house, bens)) == (RENAMED, ["First", "Second"])
    assert {hook.project for hook in house.sandbox.store.webhooks.values()} >= {old.id, new.id}
    house.reconcile(passes=3)
    assert len(projects_of(house, ADA)) == 2
    assert len(house.sandbox.store.tasks) == 4


def test_an_answer_in_the_old_project_is_still_compared(house: House) -> None:
    ids = one_answered_one_open(house)
    rename_the_control(house)
    house.reconcile()
    house.production.writer().update_project(
        house.projects["intent"], label_config=INTENT.label_config
    )
    house.answer("intent", ids[0], choice(ONE))
    house.reconcile()
    assert house.summary()["comparisons"] == 1
    assert [email for email, _ in house.outbox()].count(ADA) == 1


def test_an_answer_nobody_told_us_of_is_found_before_the_old_copy_goes(house: House) -> None:
    ids = one_answered_one_open(house)
    deliver, house.sandbox.deliver = house.sandbox.deliver, None
    house.practise(ADA, "intent", ids[1], choice(ONE))
    house.sandbox.deliver = deliver
    rename_the_control(house)
    house.reconcile()
    old, new = projects_of(house, ADA)
    assert (texts_in(house, old), texts_in(house, new)) == (["First", "Second"], [])
    assert house.summary()["submissions"] == 2


def test_killed_between_any_two_steps_the_same_is_reached(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_answered_one_open(house)
    rename_the_control(house)
    for method in ("create_project", "delete_task", "import_tasks"):
        with monkeypatch.context() as patch:
            patch.setattr(LabelStudioWriter, method, _killed)
            with pytest.raises(KeyboardInterrupt):
                house.reconcile()
    house.reconcile(passes=3)
    old, new = projects_of(house, ADA)
    assert (texts_in(house, old), texts_in(house, new)) == (["First"], ["Second"])
    assert house.summary()["clones"] == 4


def test_a_config_that_even_a_new_project_refuses_is_no_reason_for_another(
    house: House,
) -> None:
    one_answered_one_open(house)
    house.sandbox.fail_next("POST", "/api/projects", status=400, times=5)
    rename_the_control(house)
    house.reconcile()
    assert any(isinstance(error, PlatformError) for error in house.failures)
    assert len(projects_of(house, ADA)) == 1
    house.reconcile(passes=8)
    assert len(projects_of(house, ADA)) == 2


def test_settings_that_change_the_work_follow_production(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    house.production.writer().update_project(
        house.projects["intent"], show_skip_button=False, enable_empty_annotation=False
    )
    house.drain()
    for email in (ADA, BEN):
        (project,) = projects_of(house, email)
        assert project.fields["show_skip_button"] is False
        assert project.fields["enable_empty_annotation"] is False
    # a member changes one back
    house.sandbox.writer().update_project(projects_of(house, ADA)[0].id, show_skip_button=True)
    house.reconcile()
    assert projects_of(house, ADA)[0].fields["show_skip_button"] is False


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_config_change_is_on_the_trainers_page_with_what_was_done(
    house: House,
) -> None:
    one_answered_one_open(house)
    rename_the_control(house)
    house.reconcile()
    with house.room.reading() as session:
        (noted,) = config_changes.newest(session)
    assert noted.report["change"]["renamed_controls"] == [["intent", "purpose"]]
    assert noted.report["used"] == {"references": 0, "submissions": 1, "gold": 0}
    # ADA's project is new and her open item moved; her item and both of BEN's are read anew
    assert noted.report["done"] == {
        "gold_retired": 0,
        "projects_renewed": 1,
        "items_moved": 1,
        "items_restated": 3,
    }
    with house.room.reading() as session:
        (notice,) = session.query(Notice)
    assert notice.email == ADMIN
    assert "control intent is now called purpose" in notice.text
    assert "used by 1 answers of trainees" in notice.text


def test_what_answers_do_not_depend_on_is_noted_and_nobody_is_told(house: House) -> None:
    one_answered_one_open(house)
    house.production.writer().update_project(
        house.projects["intent"],
        label_config=INTENT.label_config.replace("max-height: 46vh", "max-height: 40vh"),
    )
    house.reconcile()
    with house.room.reading() as session:
        (noted,) = config_changes.newest(session)
        assert session.query(Notice).count() == 0
    assert noted.report["done"] == {"gold_retired": 0}


def test_a_removed_label_is_taken_out_of_open_suggestions(house: House) -> None:
    house.publish("intent", ["First", "Second"])  # suggested is the first label
    house.reconcile()
    config = INTENT.label_config.replace(f'<Choice value="{ONE}" hotkey="1"/>', "")
    assert config != INTENT.label_config
    house.production.writer().update_project(house.projects["intent"], label_config=config)
    house.reconcile(passes=3)
    assert house.failures == []
    assert house.sandbox.store.predictions == {}
    with house.room.reading() as session:
        current = {task.snapshot for task in session.query(ProductionTask)}
        items = list(session.query(PracticeItem))
        assert {item.snapshot for item in items} == current
        assert all(item.suggested_at for item in items)
        assert session.query(SnapshotRow).count() == 4  # two as they were, two as they are


def test_an_answered_item_keeps_the_config_it_was_answered_with(house: House) -> None:
    ids = one_answered_one_open(house)
    rename_the_control(house)
    house.reconcile()
    with house.room.reading() as session:
        rows = {item.id: item.snapshot for item in session.query(PracticeItem)}
        (answered,) = session.query(Submission)
        kept = session.get_one(SnapshotRow, rows[answered.item_id])
    assert kept.label_config == INTENT.label_config
    assert kept.production_task_id == ids[0]


def test_a_new_version_of_the_model_leaves_open_suggestions_alone(house: House) -> None:
    ids = house.publish("intent", ["First"])
    house.reconcile()
    before = sorted(row.result[0]["value"]["choices"][0] for row in suggestions(house))
    writer = house.production.writer()
    regions = INTENT.write(choice(TWO), {"text": "First"})
    writer.push_predictions(
        house.projects["intent"], [Prediction(ids[0], "v2", 0.9, tuple(regions))]
    )
    (later,) = house.publish("intent", ["Second"], version="v2")
    house.reconcile()
    shown = {row.task: row.result[0]["value"]["choices"][0] for row in suggestions(house)}
    assert [shown[house.clone_of(email, ids[0])] for email in (ADA, BEN)] == before == [ONE, ONE]
    assert len(shown) == 4
    assert house.clone_of(ADA, later) in shown


def suggestions(house: House) -> list[PredictionRow]:
    return list(house.sandbox.store.predictions.values())


def make_gold(house: House, task_id: int, *labels: str) -> str:
    """The snapshot of this task is gold from now on, and so are its items; its digest."""
    answers = [answer_to_json(choice(label)) for label in labels]
    with house.room.transaction() as session:
        digest = session.get_one(ProductionTask, task_id).snapshot
        gold = GoldItem(
            production_project_id=house.projects["intent"],
            kind="intent",
            snapshot=digest,
            origin="trainer",
            made_at=this_moment(),
            changed_at=this_moment(),
        )
        session.add(gold)
        session.flush()
        session.add(
            GoldRevision(
                gold_id=gold.id,
                revision=1,
                answers=answers,
                regions=[],
                made_by=ADMIN,
                why="",
                made_at=this_moment(),
            )
        )
        for item in session.query(PracticeItem).filter_by(snapshot=digest):
            item.gold_id = gold.id
    return digest


def test_gold_whose_key_can_no_longer_be_given_is_retired_and_taken_out(house: House) -> None:
    lost, kept = house.publish("intent", ["First", "Second"])
    house.reconcile()
    make_gold(house, lost, ONE)
    make_gold(house, kept, ONE, TWO)
    config = INTENT.label_config.replace(f'<Choice value="{ONE}" hotkey="1"/>', "")
    house.production.writer().update_project(house.projects["intent"], label_config=config)
    house.reconcile(passes=3)
    assert house.failures == []
    texts = [task.data["text"] for task in house.sandbox.store.tasks.values()]
    assert sorted(texts) == ["Second", "Second"]
    with house.room.reading() as session:
        retired = {gold.snapshot: gold.retired_why for gold in session.query(GoldItem)}
        (noted,) = config_changes.newest(session)
    assert sorted(map(bool, retired.values())) == [False, True]
    assert noted.report["used"]["gold"] == 2
    assert noted.report["done"]["gold_retired"] == 1
    assert noted.report["done"]["items_taken_out"] == 2


def test_gold_keeps_the_snapshot_of_its_key(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    digest = make_gold(house, task, TWO)
    config = INTENT.label_config.replace(f'<Choice value="{ONE}" hotkey="1"/>', "")
    house.production.writer().update_project(house.projects["intent"], label_config=config)
    house.reconcile(passes=3)
    with house.room.reading() as session:
        assert {item.snapshot for item in session.query(PracticeItem)} == {digest}


def test_a_project_that_somebody_deleted_while_it_was_replaced_holds_nothing_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_answered_one_open(house)
    (old,) = projects_of(house, ADA)
    rename_the_control(house)
    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioWriter, "create_project", _killed)
        with pytest.raises(KeyboardInterrupt):
            house.reconcile()
    house.sandbox.writer().request("DELETE", f"/api/projects/{old.id}/")
    house.reconcile(passes=3)
    assert house.failures == []
    (new,) = projects_of(house, ADA)
    assert texts_in(house, new) == ["Second"]
