"""From a production task to feedback, with every order of events."""

from __future__ import annotations

from tests.sandbox_sync.house import ADA, BEN, INTENT, House, choice, spans

ONE, TWO = INTENT.labels[0], INTENT.labels[1]


def test_published_tasks_reach_every_trainee_once(house: House) -> None:
    house.publish("intent", ["Can we meet at noon?", "Please move our call."])
    house.reconcile()
    summary = house.summary()
    assert summary["clones"] == summary["expected_clones"] == 4
    house.reconcile(passes=3)
    assert len(house.sandbox.store.tasks) == 4


def test_feedback_follows_the_later_of_the_two_answers(house: House) -> None:
    first, second = house.publish("intent", ["Can we meet at noon?", "Please move our call."])
    house.reconcile()
    house.answer("intent", first, choice(ONE))
    house.drain()
    house.practise(ADA, "intent", first, choice(TWO))
    house.practise(ADA, "intent", second, choice(ONE))
    house.drain()
    assert [email for email, _ in house.outbox()] == [ADA]
    house.answer("intent", second, choice(ONE))
    house.drain()
    texts = [text for _, text in house.outbox()]
    assert len(texts) == 2
    assert f"You chose {TWO}; the reference answer is {ONE}." in texts[0]
    assert "the same as the reference answer" in texts[1]
    assert house.failures == []


def test_spans_are_compared_region_by_region(house: House) -> None:
    (task,) = house.publish("details", ["Lunch with Ann on Friday at noon"])
    house.reconcile()
    from tests.sandbox_sync.house import DETAILS

    label, other = DETAILS.labels[0], DETAILS.labels[1]
    house.answer("details", task, spans((label, 11, 14), (other, 18, 24)))
    house.practise(BEN, "details", task, spans((label, 6, 14)))
    house.drain()
    house.reconcile()
    ((email, text),) = house.outbox()
    assert email == BEN
    assert "you marked “with Ann”; the reference marks “Ann”" in text
    assert f"You missed {other} “Friday”." in text
