"""A trainee's first answer is told before its task has been read, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from projects.kit.errors import LabelStudioUnavailable
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house
from tests.sandbox_sync.test_order import delete, policy, token

ONE, TWO = INTENT.labels[:2]


def answered(house: House) -> int:
    """A task that production has answered, and of which trainees have copies."""
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.answer("intent", task, choice(ONE))
    house.drain()
    return task


def looks(house: House, copy: int) -> list[str]:
    """How often the answers and how often the task was read."""
    paths = [path for method, path in house.sandbox.requests if method == "GET"]
    return [path for path in paths if path.startswith(f"/api/tasks/{copy}")]


def cannot_read(house: House, what: str, patch: pytest.MonkeyPatch) -> None:
    """Label Studio gives everything but this."""

    def refuse(number: int) -> NoReturn:
        raise LabelStudioUnavailable(f"{what} {number}")

    patch.setattr(house.room.sandbox, what, refuse)


def test_the_first_answer_is_told_while_the_task_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = answered(house)
    cannot_read(house, "task", monkeypatch)
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    assert [email for email, _ in house.outbox()] == [ADA]
    assert house.summary()["unhandled_events"] == 1
    assert len(house.failures) == 1


def test_the_look_after_it_adds_nothing(house: House) -> None:
    task = answered(house)
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    house.reconcile()
    summary = house.summary()
    assert (summary["submissions"], summary["comparisons"], len(house.outbox())) == (1, 1, 1)
    assert summary["unhandled_events"] == 0


def test_an_answer_is_glanced_at_only_until_one_counts(house: House) -> None:
    task = answered(house)
    copy = house.clone_of(ADA, task)
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    first = looks(house, copy)
    assert sum("annotations" in path for path in first) == 1
    house.practise(ADA, "intent", task, choice(ONE))
    house.drain()
    assert not any("annotations" in path for path in looks(house, copy)[len(first) :])
    assert len(house.outbox()) == 1


def test_neither_a_skip_nor_somebody_elses_answer_counts_at_a_glance(house: House) -> None:
    task = answered(house)
    copy = house.clone_of(ADA, task)
    regions = INTENT.write(choice(TWO), {"text": "First"})
    house.sandbox.writer(token(house, BEN)).create_annotation(copy, regions)
    house.sandbox.writer(token(house, ADA)).create_annotation(copy, [], was_cancelled=True)
    house.drain()
    assert (house.summary()["submissions"], house.outbox()) == (0, [])


def test_where_the_newest_counts_a_glance_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with policy(first_submission_counts=False), running_house(tmp_path) as house:
        task = answered(house)
        cannot_read(house, "task", monkeypatch)
        house.practise(ADA, "intent", task, choice(TWO))
        house.drain()
        assert (house.summary()["submissions"], house.outbox()) == (0, [])


def test_an_answer_that_is_gone_before_the_glance_is_none(house: House) -> None:
    task = answered(house)
    made = house.practise(ADA, "intent", task, choice(TWO))
    delete(house, ADA, made)
    house.drain()
    assert (house.summary()["submissions"], house.outbox()) == (0, [])
    assert house.summary()["unhandled_events"] == 0


def test_a_glance_that_fails_is_made_good_by_the_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = answered(house)
    house.practise(ADA, "intent", task, choice(TWO))
    cannot_read(house, "submitted", monkeypatch)
    house.drain()
    assert len(house.outbox()) == 1
    assert house.failures == []
