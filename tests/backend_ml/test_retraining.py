import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backend_ml import model_store, publishing, retraining, schedule, training
from backend_ml.labels import Label
from backend_ml.learners.base import ModelUnreadable
from backend_ml.predicting import Serving
from backend_ml.tables import MarkRow
from projects.kinds import registry
from projects.kit.database import transaction
from projects.vocabulary import Mark
from tests.backend_ml.conftest import START, Clock, Desk, make_settings
from tests.backend_ml.corpus import messages

MakeDesk = Callable[..., Desk]


def mark(**changes: object) -> MarkRow:
    values = {
        "project_id": 1,
        "wanted": 10,
        "trained": 5,
        "forced": 0,
        "forced_done": 0,
        "last_change_at": START,
    }
    return MarkRow(**values | changes)


@pytest.mark.parametrize(
    ("changes", "seconds", "due"),
    [
        ({}, 1, False),  # five new, and still arriving
        ({}, 3, True),  # five new, and quiet
        ({"wanted": 15}, 0, True),  # ten new
        ({"trained": 10}, 100, False),  # nothing new
        ({"trained": 10, "forced": 1}, 0, True),  # asked for
    ],
)
def test_when_training_is_due(changes: dict[str, object], seconds: int, due: bool) -> None:  # noqa: FBT001
    settings = make_settings(Path("unused"))
    now = START + timedelta(seconds=seconds)
    assert schedule.is_due(mark(**changes), settings, 100, now=now) is due


@pytest.mark.parametrize(
    ("new", "seconds", "due"),
    [
        (199, 29, False),  # 1% of 20,000 is 200, and quiet is 3 s * 20,000 / 2,000 = 30 s
        (200, 0, True),
        (1, 30, True),
    ],
)
def test_many_labels_are_trained_on_less_often(new: int, seconds: int, due: bool) -> None:  # noqa: FBT001
    settings = make_settings(Path("unused"))
    now = START + timedelta(seconds=seconds)
    row = mark(wanted=new, trained=0)
    assert schedule.is_due(row, settings, 20_000, now=now) is due


def test_one_cause_makes_one_version(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    assert desk.train("one") == "intent-0001"
    assert desk.train("one") == "intent-0001"
    assert desk.train("two") is None  # nothing is new
    with transaction(desk.workshop.sessions) as session:
        assert list(model_store.names(session)) == ["intent-0001"]


def test_a_forced_training_needs_nothing_new(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    with transaction(desk.workshop.sessions) as session:
        schedule.force(session, desk.project_id)
    assert desk.train("two") == "intent-0002"
    assert desk.train("three") is None


def test_few_labels_are_not_asked_to_train(make_desk: MakeDesk, clock: Clock) -> None:
    desk = make_desk()
    desk.answer(19)
    desk.hear()
    clock.forward(60)
    with transaction(desk.workshop.sessions) as session:
        key = schedule.due_key(session, desk.project_id, desk.workshop.settings, now=clock())
        assert key is None
    desk.answer(1, first=19)
    desk.hear()
    clock.forward(60)
    with transaction(desk.workshop.sessions) as session:
        key = schedule.due_key(session, desk.project_id, desk.workshop.settings, now=clock())
    assert key is not None


def test_serving_notices_a_new_champion(make_desk: MakeDesk) -> None:
    desk = make_desk()
    serving = Serving(desk.workshop.reading, desk.workshop.store)
    task = {"data": {"text": "please cancel the call with Bo tomorrow"}}
    assert serving.predict(desk.project_id, desk.kind, [task]) == [[]]
    desk.answer(40)
    desk.hear()
    desk.train("one")
    assert serving.version(desk.project_id) == "intent-0001"
    item = serving.predict(desk.project_id, desk.kind, [task])[0]
    assert item["model_version"] == "intent-0001"
    assert desk.kind.read(item["result"], task["data"]) == (Mark("intent", "Cancel"),)
    desk.answer(20, first=40)
    desk.hear()
    desk.train("two")
    assert serving.predict(desk.project_id, desk.kind, [task])[0]["model_version"] == "intent-0002"


def test_an_unreadable_champion_is_replaced(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=160)
    desk.answer(80)
    desk.hear()
    desk.train("one")
    folder = desk.workshop.settings.models_dir / str(desk.project_id) / "intent-0001"
    for path in folder.iterdir():
        path.write_bytes(b"PK")
    serving = Serving(desk.workshop.reading, desk.workshop.store)
    task = {"data": {"text": "please cancel the call with Bo tomorrow"}}
    assert serving.predict(desk.project_id, desk.kind, [task]) == [[]]
    with pytest.raises(ModelUnreadable) as caught:
        publishing.publish(desk.workshop, desk.project_id)
    for _ in range(2):
        retraining.record_failure(desk.workshop, desk.project_id, caught.value)
    assert desk.train("two") == "intent-0002"
    assert serving.predict(desk.project_id, desk.kind, [task]) != [[]]
    assert desk.train("three") is None


def test_a_version_says_what_it_learned_from(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    desk.train("one")
    with transaction(desk.workshop.sessions) as session:
        row = model_store.champion(session, desk.project_id)
    assert row is not None
    held_out = sum(training.is_held_out(desk.project_id, i) for i in desk.task_ids[:40])
    assert (row.labels, row.trained_on) == (40, 40 - held_out)


def test_old_folders_are_removed(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.answer(40)
    desk.hear()
    folder = desk.workshop.settings.models_dir / str(desk.project_id)
    for name, age_hours in ((".staged-left", 3), (".staged-at-work", 1)):
        (folder / name).mkdir(parents=True)
        moment = (START - timedelta(hours=age_hours)).timestamp()
        os.utime(folder / name, (moment, moment))
    for number in range(12):
        with transaction(desk.workshop.sessions) as session:
            schedule.force(session, desk.project_id)
        assert desk.train(f"train-{number}") is not None
    # Of 12: the newest five (8 to 12), then every second, counted from the first (3, 5, 7),
    # then every fourth (1).
    assert sorted(p.name for p in folder.iterdir()) == [
        ".staged-at-work", *(f"intent-{n:04d}" for n in (1, 3, 5, *range(7, 13)))
    ]  # fmt: skip


def test_kept_versions_lie_ever_farther_apart_and_none_is_wanted_again() -> None:
    # The newest is number 99 (from zero). Gaps 0-4: all; 5-9: even; 10-19: by 4; 20-39: by 8;
    # 40-79: by 16; 80-99: by 32.
    assert model_store.milestones(100) == [
        0, 32, 48, 64, 72, 80, 84, 88, 90, 92, 94, 95, 96, 97, 98, 99
    ]  # fmt: skip
    for count in range(1, 300):
        assert set(model_store.milestones(count + 1)) <= {*model_store.milestones(count), count}


def test_the_held_out_part_is_a_fifth_and_for_ever() -> None:
    chosen = [task for task in range(5000) if training.is_held_out(3, task)]
    assert 900 < len(chosen) < 1100
    assert chosen == [task for task in range(5000) if training.is_held_out(3, task)]


def test_out_of_fold_guesses_come_from_models_that_did_not_see_the_label() -> None:
    kind = registry.load("intent")
    rows = [Label(n, text, choice) for n, (text, choice, _) in enumerate(messages(60))]
    # One text of its own with a label of its own: only a model that saw it could know.
    rows.append(Label(60, "zzz qqq", (Mark("intent", "Something else"),)))
    guesses = training.out_of_fold(kind, "choice_linear", rows, seed=0)
    assert len(guesses) == 61
    right = [g is not None and g.answer == row.answer for g, row in zip(guesses, rows, strict=True)]
    assert sum(right[:60]) > 50
    assert not right[60]
    assert guesses == training.out_of_fold(kind, "choice_linear", rows, seed=0)


def test_saying_nothing_where_nothing_is_to_be_said_is_right() -> None:
    metric = training.metric_of(registry.load("details"))
    assert training.closeness(metric, (), ()) == 1.0
    assert training.closeness(metric, (), (Mark("details", "Date", 0, 3),)) == 0.0
