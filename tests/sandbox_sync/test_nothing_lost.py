"""Events that come twice, late, in another order or never: the same state in the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from projects.kit import database
from sandbox_sync.db.events import STALE
from sandbox_sync.db.tables import Event
from tests.sandbox_sync.house import ADA, BEN, DETAILS, INTENT, House, choice, running_house

ONE, TWO, THREE = INTENT.labels[:3]


def compared(house: House, texts: int = 1) -> list[int]:
    """Published tasks that ADA and production have answered differently."""
    ids = house.publish("intent", [f"Message {number}" for number in range(texts)])
    house.reconcile()
    for task_id in ids:
        house.answer("intent", task_id, choice(ONE))
        house.practise(ADA, "intent", task_id, choice(TWO))
    house.drain()
    return ids


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_fate_of_the_events_ends_in_the_same_state(data: st.DataObject) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_house(Path(folder), hooks=False) as house,
    ):
        ids = house.publish("intent", ["First", "Second"])
        house.reconcile()
        house.production.sent.clear()
        house.answer("intent", ids[0], choice(ONE))
        annotation = house.answer("intent", ids[1], choice(TWO))
        house.practise(ADA, "intent", ids[0], choice(ONE))
        house.practise(ADA, "intent", ids[1], choice(THREE))
        house.practise(BEN, "intent", ids[1], choice(TWO))
        house.production.writer().request(
            "PATCH", f"/api/annotations/{annotation}", json_body={"result": []}
        )
        sent = house.production.sent + house.sandbox.sent
        fates = data.draw(st.lists(st.sampled_from(range(len(sent))), max_size=2 * len(sent)))
        for position in fates:
            event = sent[position]
            path = event.url.removeprefix("http://sync.test")
            assert house.client.post(path, headers=event.headers, json=event.body).is_success
            if data.draw(st.booleans()):
                house.drain()
        house.drain()
        house.reconcile()
        summary = house.summary()
        assert house.failures == []
        assert (summary["submissions"], summary["comparisons"]) == (3, 3)
        assert summary["pending_feedback"] == summary["unhandled_events"] == 0
        assert len(house.sandbox.store.tasks) == 4
        scores = {row["email"]: row["agreement"] for row in summary["scores"] if row["n"]}
        # ADA: the same on the first, something against nothing on the second; BEN: the latter
        assert (scores[ADA]["value"], scores[BEN]["value"]) == (0.5, 0.0)


def test_an_event_that_comes_twice_is_stored_once(house: House) -> None:
    compared(house)
    event = house.production.sent[-1]
    before = house.summary()
    for _ in range(3):
        answer = house.client.post(
            "/webhooks/production", headers=event.headers, json=event.body
        ).json()
        assert answer == {"accepted": True}
    house.drain()
    assert house.summary() == before
    assert len(house.outbox()) == 1


def test_a_copy_that_somebody_deleted_comes_back(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.sandbox.writer().delete_task(house.clone_of(ADA, task))
    house.drain()
    house.reconcile()
    house.practise(ADA, "intent", task, choice(ONE))
    house.reconcile()
    assert house.summary()["submissions"] == 1
    # one that was answered stays as it was answered
    house.sandbox.writer().delete_task(house.clone_of(ADA, task))
    house.reconcile()
    assert house.summary()["submissions"] == 1
    assert len(house.sandbox.store.tasks) == 1


def test_a_practice_project_that_somebody_deleted_comes_back(house: House) -> None:
    house.publish("intent", ["First"])
    house.reconcile()
    for number in list(house.sandbox.store.projects):
        house.sandbox.writer().request("DELETE", f"/api/projects/{number}/")
    house.reconcile(passes=3)
    assert len(house.sandbox.store.projects) == 4
    assert len(house.sandbox.store.tasks) == 2


def test_config_and_guidelines_follow_production(house: House) -> None:
    house.reconcile()
    config = INTENT.label_config.replace("Cancel", "Call off")
    house.production.writer().update_project(
        house.projects["intent"], label_config=config, expert_instruction="Read twice."
    )
    house.drain()

    def copies() -> list[tuple[str, str]]:
        return [
            (p.fields["label_config"], p.fields["expert_instruction"])
            for p in house.sandbox.store.projects.values()
            if p.fields["title"].startswith(INTENT.title)
        ]

    assert copies() == [(config, "Read twice.")] * 2
    # somebody with an account in the sandbox changes one
    house.sandbox.writer().update_project(
        max(house.sandbox.store.projects), expert_instruction="Take it easy."
    )
    house.reconcile()
    assert {p.fields["expert_instruction"] for p in house.sandbox.store.projects.values()} == {
        "Read twice.",
        "How to answer.",
    }


def test_a_changed_message_gives_a_new_snapshot_and_open_items_keep_theirs(house: House) -> None:
    (task,) = house.publish("intent", ["Before"])
    house.reconcile()
    data = house.production.store.tasks[task].data | {"text": "After"}
    house.production.writer().request("PATCH", f"/api/tasks/{task}/", json_body={"data": data})
    house.reconcile()
    texts = sorted(t.data["text"] for t in house.sandbox.store.tasks.values())
    assert texts == ["After", "After", "Before", "Before"]
    # the answer is to the new text, so only the new copy is compared
    house.answer("intent", task, choice(ONE))
    for clone in list(house.sandbox.store.tasks.values()):
        owner = ADA if ADA in house.sandbox.store.projects[clone.project].fields["title"] else BEN
        token = next(u.token for u in house.sandbox.store.users.values() if u.email == owner)
        regions = INTENT.write(choice(ONE), clone.data)
        house.sandbox.writer(token).create_annotation(clone.id, regions)
    house.reconcile()
    assert (house.summary()["submissions"], house.summary()["comparisons"]) == (4, 2)


def test_a_corrected_reference_is_told_again_only_if_the_outcome_changed(house: House) -> None:
    (task,) = compared(house)
    annotation = next(iter(house.production.store.annotations))
    writer = house.production.writer()

    def correct(label: str) -> None:
        regions = INTENT.write(choice(label), house.production.store.tasks[task].data)
        writer.request("PATCH", f"/api/annotations/{annotation}", json_body={"result": regions})
        house.drain()

    correct(ONE)
    assert len(house.outbox()) == 1
    correct(TWO)
    assert len(house.outbox()) == 2
    assert house.outbox()[1][1].startswith("Corrected: ")
    assert [s["agreement"]["value"] for s in house.summary()["scores"] if s["n"]] == [1.0]


def test_a_deleted_reference_takes_the_comparison_back(house: House) -> None:
    (task,) = compared(house)
    annotation = next(iter(house.production.store.annotations))
    house.production.writer().request("DELETE", f"/api/annotations/{annotation}/")
    house.drain()
    assert house.summary()["comparisons"] == 0
    house.answer("intent", task, choice(ONE))
    house.drain()
    assert house.summary()["comparisons"] == 1
    assert len(house.outbox()) == 1


def test_a_deleted_production_task_is_not_copied_and_keeps_its_scores(house: House) -> None:
    first, second = compared(house, texts=2)
    house.production.deliver = None  # nobody tells us
    for task in (first, second):
        house.production.writer().delete_task(task)
    house.reconcile()
    summary = house.summary()
    assert summary["eligible_production_tasks"] == {}
    assert summary["comparisons"] == 2
    assert summary["clones"] == summary["expected_clones"] == 0


def test_only_the_first_submission_counts(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    annotation = house.practise(ADA, "intent", task, choice(TWO))
    house.drain()
    house.answer("intent", task, choice(ONE))
    house.drain()
    better = INTENT.write(choice(ONE), {"text": "First"})
    house.sandbox.writer().request(
        "PATCH", f"/api/annotations/{annotation}", json_body={"result": better}
    )
    house.practise(ADA, "intent", task, choice(ONE))
    house.reconcile()
    assert [s["agreement"]["value"] for s in house.summary()["scores"] if s["n"]] == [0.0]
    assert len(house.outbox()) == 1


def test_the_answer_of_another_member_does_not_count(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    clone = house.clone_of(ADA, task)
    regions = INTENT.write(choice(ONE), {"text": "First"})
    ben = next(u.token for u in house.sandbox.store.users.values() if u.email == BEN)
    house.sandbox.writer(ben).create_annotation(clone, regions)
    house.reconcile()
    assert house.summary()["submissions"] == 0


def test_a_skipped_item_makes_room_for_another(tmp_path: Path) -> None:
    with running_house(tmp_path, queue_depth=1) as house:
        first, second = house.publish("intent", ["First", "Second"])
        house.reconcile()
        token = next(u.token for u in house.sandbox.store.users.values() if u.email == ADA)
        clone = house.clone_of(ADA, first)
        house.sandbox.writer(token).create_annotation(clone, [], was_cancelled=True)
        house.drain()
        house.reconcile()
        assert house.clone_of(ADA, second)


def test_nothing_is_lost_while_messages_cannot_be_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox_sync.notifiers.base import MessageNotSent

    def down(*_: object, **__: object) -> str:
        raise MessageNotSent("down", may_pass=True)

    with monkeypatch.context() as patch:
        patch.setattr(house.room.notifier, "send", down)
        compared(house)
        house.reconcile()
        assert house.summary()["pending_feedback"] == 1
    later = database.now() + 2 * STALE
    monkeypatch.setattr("sandbox_sync.workflows.reconcile.this_moment", lambda: later)
    house.reconcile()
    assert house.summary()["pending_feedback"] == 0
    house.reconcile()
    assert len(house.outbox()) == 1


def test_an_event_nobody_finished_is_accepted_again(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    house.answer("intent", task, choice(ONE))
    house.production.fail_next("GET", "/api/tasks/", error=httpx.ConnectError, times=9)
    house.drain()
    assert house.summary()["unhandled_events"] == 1
    assert len(house.failures) == 1
    house.production._faults.clear()
    with house.room.transaction() as session:
        session.execute(update(Event).values(retry_at=database.now()))
    house.reconcile()
    assert house.summary()["unhandled_events"] == 0


def test_a_trainee_who_leaves_and_one_who_joins(house: House) -> None:
    house.publish("details", ["First"])
    house.reconcile()
    house.sandbox.store.users.pop(house.sandbox.user_id(BEN))
    house.sandbox.add_user("cleo@example.com")
    house.reconcile()
    summary = house.summary()
    assert summary["trainees"] == 2
    assert summary["clones"] == summary["expected_clones"] == 2
    assert {row["email"] for row in summary["scores"]} == {ADA, "cleo@example.com"}


def test_no_answer_reaches_the_sandbox_before_the_trainee(house: House) -> None:
    text = "Dinner with Ann on Friday"
    (task,) = house.publish("details", [text])
    house.reconcile()
    from tests.sandbox_sync.house import spans

    label = DETAILS.labels[3]
    house.answer("details", task, spans((label, 12, 15)))
    house.drain()
    house.reconcile()
    assert house.sandbox.store.annotations == {}
    for prediction in house.sandbox.store.predictions.values():
        assert prediction.result == []
    for clone in house.sandbox.store.tasks.values():
        assert clone.data == house.production.store.tasks[task].data
        assert set(clone.meta) == {"practice"}
    looks = len(house.production.requests)
    house.reconcile()
    assert {method for method, _ in house.production.requests[looks:]} == {"GET"}


def test_a_forged_event_does_no_harm(house: House) -> None:
    (task,) = house.publish("intent", ["First"])
    house.reconcile()
    before = house.summary()
    clone = house.clone_of(ADA, task)
    forged = {
        "action": "ANNOTATION_CREATED",
        "annotation": {
            "id": 999_999,
            "task": clone,
            "completed_by": house.sandbox.user_id(ADA),
            "was_cancelled": False,
            "result": INTENT.write(choice(ONE), {"text": "First"}),
            "updated_at": "2026-01-01T00:00:00Z",
        },
        "task": {"id": clone},
        "project": {"id": house.projects["intent"]},
    }
    header = {"X-Understudy-Secret": "secret-of-the-sandbox"}
    others: list[object] = [True, -1, "1", None, 2**60, {"id": 1}, [[]]]
    for event in (
        forged,
        {"action": "TASKS_DELETED", "tasks": [{"id": clone}, {"id": task}, *others]},
        {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": value} for value in others]},
        {"action": "PROJECT_UPDATED", "project": {"id": house.projects["intent"]}},
        {"action": "SOMETHING_NEW"},
    ):
        told = house.client.post("/webhooks/sandbox", headers=header, json=event)
        assert told.status_code == (202 if event is forged else 200)
    house.drain()
    house.reconcile()
    assert house.failures == []
    assert house.summary() == before
