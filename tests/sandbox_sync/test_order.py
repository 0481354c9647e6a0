"""Corrections, deletions, skips, second thoughts and disagreement, in any order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.policy import Policy, ReferencePolicy
from projects.scheme import Scheme
from sandbox_sync.workflows import practice
from sandbox_sync.workflows.room import Room
from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, running_house

ONE, TWO, THREE = INTENT.labels[:3]


@contextmanager
def policy(
    reference: ReferencePolicy = "latest", *, first_submission_counts: bool = True
) -> Iterator[pytest.MonkeyPatch]:
    """Every project has this policy."""
    asked = Policy(reference=reference, first_submission_counts=first_submission_counts)
    scheme = Room.scheme

    def changed(room: Room, *args: object, **more: object) -> Scheme:
        return replace(scheme(room, *args, **more), policy=asked)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Room, "scheme", changed)
        yield patch


def token(house: House, email: str) -> str:
    users = [*house.sandbox.store.users.values(), *house.production.store.users.values()]
    return next(user.token for user in users if user.email == email)


def worker_answers(house: House, email: str, task: int, label: str) -> int:
    """A production worker of their own, who answers."""
    if email not in {user.email for user in house.production.store.users.values()}:
        house.production.add_user(email)
    who = next(u.token for u in house.production.store.users.values() if u.email == email)
    regions = INTENT.write(choice(label), house.production.store.tasks[task].data)
    return house.production.writer(who).create_annotation(task, regions).id


def change(house: House, email: str, annotation: int, **body: object) -> None:
    """A trainee changes an annotation."""
    house.sandbox.writer(token(house, email)).request(
        "PATCH", f"/api/annotations/{annotation}", json_body=body
    )


def delete(house: House, email: str, annotation: int) -> None:
    house.sandbox.writer(token(house, email)).request("DELETE", f"/api/annotations/{annotation}/")


def regions(label: str) -> list[dict[str, object]]:
    return INTENT.write(choice(label), {"text": "First"})


def scores(house: House) -> dict[str, float]:
    rows = house.summary()["scores"]
    return {row["email"]: row["agreement"]["value"] for row in rows if row["n"]}


def begin(house: House) -> int:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    return task


def test_a_tie_has_no_reference_until_it_is_broken(tmp_path: Path) -> None:
    with policy("majority"), running_house(tmp_path) as house:
        task = begin(house)
        house.practise(ADA, "intent", task, choice(TWO))
        worker_answers(house, "w1@example.com", task, ONE)
        house.drain()
        assert scores(house) == {ADA: 0.0}
        second = worker_answers(house, "w2@example.com", task, TWO)
        house.drain()
        assert (scores(house), len(house.outbox())) == ({}, 1)
        worker_answers(house, "w3@example.com", task, TWO)
        house.drain()
        assert (scores(house), len(house.outbox())) == ({ADA: 1.0}, 2)
        # an answer that was not the reference is deleted: a tie again
        house.production.writer().request("DELETE", f"/api/annotations/{second}/")
        house.drain()
        assert (scores(house), house.failures) == ({}, [])


def test_only_an_answer_that_somebody_else_has_touched_is_reviewed(tmp_path: Path) -> None:
    with policy("reviewed"), running_house(tmp_path) as house:
        task = begin(house)
        house.practise(ADA, "intent", task, choice(ONE))
        annotation = worker_answers(house, "w1@example.com", task, ONE)
        house.drain()
        assert house.summary()["comparisons"] == 0
        house.production.writer().request(
            "PATCH", f"/api/annotations/{annotation}", json_body={"ground_truth": True}
        )
        house.drain()
        assert scores(house) == {ADA: 1.0}
        author = next(
            u.token for u in house.production.store.users.values() if u.email == "w1@example.com"
        )
        house.production.writer(author).request(
            "PATCH", f"/api/annotations/{annotation}", json_body={"result": regions(TWO)}
        )
        house.drain()
        assert scores(house) == {}


def test_another_policy_derives_and_compares_again(house: House) -> None:
    task = begin(house)
    for number, label in enumerate([ONE, ONE, TWO]):
        worker_answers(house, f"w{number}@example.com", task, label)
    house.practise(ADA, "intent", task, choice(ONE))
    house.practise(BEN, "intent", task, choice(TWO))
    house.reconcile()
    assert scores(house) == {ADA: 0.0, BEN: 1.0}
    with policy("majority"):
        house.reconcile()
        assert scores(house) == {ADA: 1.0, BEN: 0.0}
        told = len(house.outbox())
        assert told == 4
        house.reconcile()
    assert len(house.outbox()) == told


def test_the_first_answer_stays_whatever_becomes_of_it(house: House) -> None:
    task = begin(house)
    first = house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    change(house, ADA, first, result=regions(ONE))
    change(house, ADA, first, was_cancelled=True)
    house.practise(ADA, "intent", task, choice(ONE))
    delete(house, ADA, first)
    house.answer("intent", task, choice(ONE))
    house.reconcile()
    assert (scores(house), house.summary()["submissions"]) == ({ADA: 0.0}, 1)
    assert len(house.outbox()) == 1


def test_what_was_skipped_and_taken_up_again_is_a_first_answer(house: House) -> None:
    task = begin(house)
    clone = house.clone_of(ADA, task)
    writer = house.sandbox.writer(token(house, ADA))
    skip = writer.create_annotation(clone, [], was_cancelled=True).id
    house.drain()
    before = house.summary()["open_items"]
    change(house, ADA, skip, was_cancelled=False, result=regions(ONE))
    house.answer("intent", task, choice(ONE))
    house.drain()
    assert (before, scores(house)) == (1, {ADA: 1.0})
    # a skip that is deleted leaves the item open, though there is no annotation to look at
    writer = house.sandbox.writer(token(house, BEN))
    skip = writer.create_annotation(house.clone_of(BEN, task), [], was_cancelled=True).id
    house.drain()
    assert house.summary()["open_items"] == 0
    delete(house, BEN, skip)
    house.reconcile()
    assert house.summary()["open_items"] == 1


def test_where_the_newest_counts_each_answer_is_compared_and_told(tmp_path: Path) -> None:
    with policy(first_submission_counts=False), running_house(tmp_path) as house:
        task = begin(house)
        house.answer("intent", task, choice(ONE))
        first = house.practise(ADA, "intent", task, choice(TWO))
        house.drain()
        change(house, ADA, first, result=regions(THREE))
        house.drain()
        second = house.practise(ADA, "intent", task, choice(ONE))
        house.drain()
        assert (scores(house), len(house.outbox())) == ({ADA: 1.0}, 3)
        # saved once more without a change: nothing is told
        change(house, ADA, second, result=regions(ONE))
        house.drain()
        assert len(house.outbox()) == 3
        # somebody else's hand takes nothing back
        house.sandbox.writer(token(house, BEN)).request(
            "PATCH", f"/api/annotations/{second}", json_body={"ground_truth": True}
        )
        house.drain()
        assert scores(house) == {ADA: 1.0}


def test_where_the_newest_counts_a_deleted_answer_is_taken_back(tmp_path: Path) -> None:
    with policy(first_submission_counts=False), running_house(tmp_path) as house:
        task = begin(house)
        house.answer("intent", task, choice(ONE))
        first = house.practise(ADA, "intent", task, choice(ONE))
        house.drain()
        assert scores(house) == {ADA: 1.0}
        delete(house, ADA, first)
        house.drain()
        assert (scores(house), house.summary()["submissions"]) == ({}, 0)
        house.practise(ADA, "intent", task, choice(ONE))
        house.reconcile()
        assert (scores(house), len(house.outbox())) == ({ADA: 1.0}, 2)


def test_a_look_that_comes_late_does_not_bring_an_older_answer_or_a_skip_back(
    tmp_path: Path,
) -> None:
    with policy(first_submission_counts=False), running_house(tmp_path) as house:
        task = begin(house)
        house.answer("intent", task, choice(ONE))
        clone = house.clone_of(ADA, task)
        house.sandbox.writer(token(house, ADA)).create_annotation(clone, [], was_cancelled=True)
        skipped = house.room.sandbox.task(clone)
        house.practise(ADA, "intent", task, choice(TWO))
        older = house.room.sandbox.task(clone)
        house.practise(ADA, "intent", task, choice(ONE))
        house.drain()
        before = house.summary(), house.outbox()
        practice.record(house.room, [skipped, older])
        house.drain()
        assert (house.summary(), house.outbox()) == before


MOVES = ("answer", "answer again", "correct", "delete", "look late", "pass")
WHO = ("w1@example.com", "w2@example.com", ADA)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_course_of_answers_ends_as_the_last_look_alone_would(data: st.DataObject) -> None:
    """What is stored in the end hangs on the end, not on which states were seen on the way."""
    policies: list[ReferencePolicy] = ["latest", "majority"]
    reference = data.draw(st.sampled_from(policies))
    with (
        tempfile.TemporaryDirectory() as folder,
        policy(reference, first_submission_counts=False),
        running_house(Path(folder), hooks=False) as house,
    ):
        task = begin(house)
        for _ in range(data.draw(st.integers(1, 7))):
            move(house, task, data)
        house.reconcile()
        house.reconcile()
        assert house.failures == []
        assert scores(house) == expected(house, task, reference)


def move(house: House, task: int, data: st.DataObject) -> None:
    who, label = data.draw(st.sampled_from(WHO)), data.draw(st.sampled_from([ONE, TWO]))
    what = data.draw(st.sampled_from(MOVES))
    studio = house.sandbox if who == ADA else house.production
    own = [
        a
        for a in studio.store.annotations.values()
        if who in {u.email for u in studio.store.users.values() if u.id == a.completed_by}
    ]
    if what.startswith("answer"):
        if who == ADA:
            house.practise(ADA, "intent", task, choice(label))
        else:
            worker_answers(house, who, task, label)
    elif what == "correct" and own:
        body = {"result": regions(label)}
        writer = studio.writer(token(house, who))
        writer.request("PATCH", f"/api/annotations/{own[-1].id}", json_body=body)
    elif what == "delete" and own:
        studio.writer(token(house, who)).request("DELETE", f"/api/annotations/{own[-1].id}/")
    elif what == "look late":
        stale = house.room.sandbox.task(house.clone_of(ADA, task))
        house.practise(ADA, "intent", task, choice(label))
        house.reconcile(passes=1)
        practice.record(house.room, [stale])
    if data.draw(st.booleans()):
        house.reconcile(passes=1)


def expected(house: House, task: int, reference: str) -> dict[str, float]:
    """By hand, from what the two Label Studios say in the end."""
    given = sorted(
        (a for a in house.production.store.annotations.values() if a.task == task),
        key=lambda a: (a.updated_at, a.id),
    )
    votes = {a.completed_by: a.result[0]["value"]["choices"][0] for a in given}
    counts = sorted((list(votes.values()).count(v), v) for v in set(votes.values()))
    if not votes or (
        reference == "majority" and len(counts) > 1 and counts[-1][0] == counts[-2][0]
    ):
        return {}
    right = given[-1].result[0]["value"]["choices"][0] if reference == "latest" else counts[-1][1]
    own = max(
        house.sandbox.store.annotations.values(), key=lambda a: (a.updated_at, a.id), default=None
    )
    if own is None:
        return {}
    return {ADA: float(own.result[0]["value"]["choices"][0] == right)}
