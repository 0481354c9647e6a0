"""An answer is told before its task has been read, where that is certain without it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from projects.kit.errors import LabelStudioUnavailable
from projects.kit.label_studio import LabelStudioReader
from projects.vocabulary import Json
from sandbox_sync import inbox
from sandbox_sync.cloning import digest_of
from sandbox_sync.db.tables import CommittedAnswer
from sandbox_sync.workflows import glances
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


def cannot_read(studio: LabelStudioReader, what: str, patch: pytest.MonkeyPatch) -> None:
    """Label Studio gives everything but this."""

    def refuse(number: int) -> NoReturn:
        raise LabelStudioUnavailable(f"{what} {number}")

    patch.setattr(studio, what, refuse)


def practised(house: House) -> int:
    """A task that a trainee has answered, and production has not."""
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    return task


def test_the_first_answer_is_told_while_the_task_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = answered(house)
    cannot_read(house.room.sandbox, "task", monkeypatch)
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
        cannot_read(house.room.sandbox, "task", monkeypatch)
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
    cannot_read(house.room.sandbox, "submitted", monkeypatch)
    house.drain()
    assert len(house.outbox()) == 1
    assert house.failures == []


def test_productions_answer_is_told_while_the_task_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = practised(house)
    cannot_read(house.room.production, "task", monkeypatch)
    house.answer("intent", task, choice(ONE))
    house.drain()
    assert [email for email, _ in house.outbox()] == [ADA]
    assert house.summary()["unhandled_events"] == 1


def test_the_look_at_productions_answer_adds_nothing(house: House) -> None:
    task = practised(house)
    house.answer("intent", task, choice(ONE))
    house.drain()
    house.reconcile()
    assert (house.summary()["comparisons"], len(house.outbox())) == (1, 1)
    assert house.summary()["unhandled_events"] == 0


def test_an_answer_to_a_text_we_have_not_seen_waits_for_the_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = practised(house)
    writer = house.production.writer()
    data = house.production.store.tasks[task].data | {"text": "Second"}
    writer.request("PATCH", f"/api/tasks/{task}/", json_body={"data": data})
    with monkeypatch.context() as patch:
        cannot_read(house.room.production, "task", patch)
        house.answer("intent", task, choice(ONE))
        house.drain()
        assert house.summary()["unhandled_events"] == 1
    assert (house.summary()["comparisons"], house.outbox()) == (0, [])
    house.reconcile()
    assert (house.summary()["comparisons"], house.outbox()) == (0, [])
    with house.room.reading() as session:
        (answer,) = session.query(CommittedAnswer).all()
    assert answer.data_digest == digest_of(data)


def test_an_answer_that_was_changed_since_the_event_waits_for_the_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = practised(house)
    made = house.answer("intent", task, choice(ONE))
    first = house.acceptor.waiting[:]
    regions = INTENT.write(choice(TWO), {"text": "First"})
    path = f"/api/annotations/{made}"
    house.production.writer().request("PATCH", path, json_body={"result": regions})
    house.acceptor.waiting[:] = first
    cannot_read(house.room.production, "task", monkeypatch)
    house.drain()
    assert (house.summary()["comparisons"], house.outbox()) == (0, [])


def test_a_glance_from_before_a_newer_look_changes_nothing(house: House) -> None:
    task = practised(house)
    house.answer("intent", task, choice(ONE))
    stale = house.room.production.submitted(task)
    house.answer("intent", task, choice(TWO))
    house.drain()
    before = (house.summary(), house.outbox())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.room.production, "submitted", lambda _: stale)
        said = {
            "data": digest_of(house.production.store.tasks[task].data),
            "moment": stale[0].updated_at.isoformat(),
        }
        glances.at_production(house.room, task, said)
    house.drain()
    assert (house.summary(), house.outbox()) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task": [], "annotation": {}},
        {"task": {"data": {}}, "annotation": {"updated_at": "yesterday"}},
        {"task": {"data": {}}, "annotation": {"updated_at": "0001-01-01T00:00:00+23:59"}},
        {"task": {"data": "text"}, "annotation": {"updated_at": "2026-01-01T00:00:00Z"}},
    ],
)
def test_an_event_that_does_not_say_what_was_answered_gives_no_glance(body: Json) -> None:
    assert inbox.moment_of(body) == {}


def test_an_event_says_what_was_answered_as_a_digest() -> None:
    body = {"task": {"data": {"a": 1}}, "annotation": {"updated_at": "2026-01-01T02:00:00+02:00"}}
    moment = "2026-01-01T00:00:00+00:00"
    assert inbox.moment_of(body) == {"said": {"data": digest_of({"a": 1}), "moment": moment}}
