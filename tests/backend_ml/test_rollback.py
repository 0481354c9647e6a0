"""A fall of live accuracy is noticed, and the better version serves again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from backend_ml import model_store, promotion, rollback, selecting
from backend_ml.metrics import Metrics
from backend_ml.tables import AssignmentRow, LabelRow, ProjectRow, TaskRow, VersionRow
from projects.kit.database import transaction
from projects.vocabulary import Mark, answer_to_json
from tests.backend_ml.conftest import Desk
from tests.backend_ml.corpus import messages

MakeDesk = Callable[..., Desk]
GOOD, BAD = [1.0] * 20, [0.0] * 20


def test_a_fall_is_told_from_the_last_whole_window() -> None:
    found = rollback.fall(GOOD + [1.0] * 8 + [0.0] * 12)
    assert found is not None
    assert (found.before, found.after) == (1.0, 0.4)
    # 12 wrong of 40, all in the last 20: C(20,12) / C(40,12) = 125970 / 5586853480.
    assert found.chance == pytest.approx(125970 / 5586853480)
    assert rollback.fall(GOOD + [1.0] * 8 + [0.0] * 11) is None  # the window is not full
    assert rollback.fall(BAD + GOOD) is None
    assert rollback.fall(BAD) is None
    # 4 wrong in the last 20 and none before: C(20,4) / C(40,4) = 4845 / 91390 = 0.053.
    assert rollback.fall(GOOD + [0.0] * 4 + [1.0] * 16) is None


def test_partial_agreement_is_compared_too() -> None:
    high, low = [0.7, 0.9] * 10, [0.2, 0.4] * 10
    assert rollback.fall(high + low) is not None
    assert rollback.fall(high + high) is None


def test_a_poisoned_batch_is_noticed_and_a_quiet_stream_is_not() -> None:
    """Accuracy .85 throughout, or .85 and then .45 from the 101st outcome on."""
    alarms = tests = noticed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        quiet = (rng.random(200) < 0.85).astype(float)
        for end in range(40, 201, rollback.WINDOW):
            tests += 1
            alarms += rollback.fall(list(quiet[:end])) is not None
        poisoned = np.concatenate([quiet[:100], (rng.random(40) < 0.45).astype(float)])
        noticed += any(rollback.fall(list(poisoned[:end])) for end in (120, 140))
    assert tests == 1800
    # At most 1% of windows: 18 expected at most, with a standard deviation of 4.2. Measured: 5,
    # because an exact test of so few counts is cautious.
    assert alarms <= 27
    assert noticed >= 165  # measured: 178


def test_the_best_older_version_must_be_better_than_noise() -> None:
    champion = [0.0] * 10 + [1.0] * 10
    good, fair = [1.0] * 20, [0.0] * 6 + [1.0] * 14
    # Better on 10 of 20 and worse on none: 1/1024, below .05 shared by two.
    found = rollback.best(champion, [("fair", fair), ("good", good)])
    assert found == ("good", "1.000 against 0.500 on 20 unseen labels")
    assert rollback.best(champion, [("fair", fair)]) is None  # better on 4: 1/16
    assert rollback.best(champion[:9], [("good", good[:9])]) is None
    assert rollback.best(champion, []) is None


def poison(desk: Desk, count: int, *, first: int) -> None:
    """Answers that are wrong, and all wrong in the same way."""
    turned = {"Cancel": "Reschedule", "Reschedule": "New meeting", "New meeting": "Cancel"}
    rows = messages(len(desk.task_ids))
    for place in range(first, first + count):
        text, choice, _ = rows[place]
        answer = (Mark("intent", turned[choice[0].label]),)
        desk.workshop.studio.create_annotation(
            desk.task_ids[place], desk.kind.write(answer, {"text": text})
        )


def live(desk: Desk, outcomes: list[float], *, epoch: int) -> None:
    """A whole draw of the random arm: rightly answered tasks and what had been suggested."""
    rows = messages(1000, seed=epoch)
    with transaction(desk.workshop.sessions) as session:
        for number, value in enumerate(outcomes):
            task_id, now = 10_000 * epoch + number, desk.clock()
            text, choice, _ = rows[number]
            wrong = (Mark("intent", "Something else"),)
            session.add(
                TaskRow(project_id=desk.project_id, task_id=task_id, text=text, seen_at=now)
            )
            session.add(
                AssignmentRow(
                    project_id=desk.project_id, task_id=task_id, arm=selecting.RANDOM,
                    epoch=epoch, drawn_at=now,
                )
            )  # fmt: skip
            session.add(
                LabelRow(
                    project_id=desk.project_id, task_id=task_id, annotation_id=task_id,
                    answer=answer_to_json(choice), created_at=now, updated_at=now,
                    ground_truth=False, arm=selecting.RANDOM, outcome="", suggested_version="",
                    suggested_answer=answer_to_json(choice if value else wrong),
                    suggestion_estimated=False,
                )
            )  # fmt: skip
    # Answered, so not open: the label store has no annotation of these made-up tasks.
    with transaction(desk.workshop.sessions) as session:
        session.execute(sa.update(TaskRow).where(TaskRow.task_id >= 10_000).values(deleted=True))


def serving(desk: Desk) -> str:
    with desk.workshop.reading() as session:
        row = model_store.champion(session, desk.project_id)
    assert row is not None
    return row.name


@pytest.fixture
def poisoned(make_desk: MakeDesk) -> Desk:
    """A good version, and one that learned a poisoned batch and serves."""
    desk = make_desk(tasks=400)
    desk.answer(60)
    desk.hear()
    assert desk.train("good") is not None
    live(desk, GOOD, epoch=1)
    poison(desk, 200, first=60)
    desk.hear()
    with transaction(desk.workshop.sessions) as session:
        session.execute(sa.delete(LabelRow).where(LabelRow.task_id >= 10_000))
    assert desk.train("bad") == "intent-0002"
    live(desk, GOOD, epoch=2)
    return desk


def test_a_poisoned_batch_makes_the_older_version_serve_again(poisoned: Desk) -> None:
    desk = poisoned
    watch = rollback.Watch(desk.workshop)
    assert watch.look(desk.project_id) is None
    live(desk, BAD, epoch=3)
    row = watch.look(desk.project_id)
    assert row is not None
    assert row.name == serving(desk) == "intent-0001"
    assert row.reason.startswith("Live accuracy fell from 1.000 to 0.000 (p = 0.0000)")
    assert "better than intent-0002: " in row.reason
    with desk.workshop.reading() as session:
        assert session.get_one(ProjectRow, desk.project_id).rolled_back_at is not None
    gauge = "understudy_backend_ml_last_rollback_timestamp_seconds"
    number = {"project": str(desk.project_id)}
    assert Metrics(desk.workshop.reading).registry.get_sample_value(gauge, number)
    assert watch.look(desk.project_id) is None
    # A restart of the worker forgets what was looked at; what was before counts no more.
    assert rollback.Watch(desk.workshop).look(desk.project_id) is None


def test_what_was_rolled_back_does_not_come_back_with_the_same_labels(poisoned: Desk) -> None:
    desk = poisoned
    live(desk, BAD, epoch=3)
    assert rollback.check(desk.workshop, desk.project_id) is not None
    desk.answer(40, first=260)
    desk.hear()
    assert desk.train("again") is None
    with desk.workshop.reading() as session:
        newest = session.scalars(sa.select(VersionRow).order_by(VersionRow.number.desc())).first()
    assert newest is not None
    assert newest.state == model_store.REJECTED
    assert newest.reason.startswith("After a rollback, not as good: ")


def test_a_pinned_version_is_not_rolled_back(poisoned: Desk) -> None:
    desk = poisoned
    promotion.promote(desk.workshop, "intent-0002", pin=True, why="Chosen by hand.")
    live(desk, BAD, epoch=3)
    assert rollback.Watch(desk.workshop).look(desk.project_id) is None
    assert serving(desk) == "intent-0002"


def test_a_fall_without_a_better_version_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk(tasks=200)
    desk.answer(60)
    desk.hear()
    desk.train("one")
    desk.answer(60, first=60)
    desk.hear()
    desk.train("two")
    for epoch, values in enumerate((GOOD, BAD), start=1):
        live(desk, values, epoch=epoch)
    assert rollback.check(desk.workshop, desk.project_id) is None
    assert serving(desk) == "intent-0002"


def test_half_a_draw_does_not_count(poisoned: Desk) -> None:
    desk = poisoned
    live(desk, BAD, epoch=3)
    with transaction(desk.workshop.sessions) as session:
        one = session.get_one(TaskRow, (desk.project_id, 30_000))
        one.deleted = False  # one task of the draw is still open
        session.execute(sa.delete(LabelRow).where(LabelRow.task_id == 30_000))
    assert rollback.check(desk.workshop, desk.project_id) is None


def test_outcomes_that_nobody_saw_do_not_count(poisoned: Desk) -> None:
    desk = poisoned
    live(desk, BAD, epoch=3)
    with transaction(desk.workshop.sessions) as session:
        later = sa.update(LabelRow).where(LabelRow.task_id >= 30_000)
        session.execute(later.values(suggestion_estimated=True))
    with desk.workshop.reading() as session:
        assert rollback.count(session, desk.project_id, since=None) == 20
        moment = desk.clock() + timedelta(days=1)
        assert rollback.count(session, desk.project_id, since=moment) == 0
    assert rollback.check(desk.workshop, desk.project_id) is None
