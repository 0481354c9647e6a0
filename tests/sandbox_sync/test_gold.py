"""Whether a key can be trusted; expected numbers are worked by hand."""

from __future__ import annotations

import math

import pytest

from projects.vocabulary import Mark, as_answer
from sandbox_sync.gold import FEWEST, Try, good_workers, health, promoted, reference_error
from tests.sandbox_sync.test_deriving import committed, equal, label

A, B = as_answer([Mark("intent", "a")]), as_answer([Mark("intent", "b")])


def test_an_item_that_good_people_fail_is_suspicious_and_says_why() -> None:
    found = health([Try(0.0, B)] * 5 + [Try(1.0, A)])
    # Wilson for 5 of 6: [0.44, 0.97]
    assert found.failing is not None
    assert found.failing.low == pytest.approx(0.436, abs=0.001)
    assert (found.is_suspicious, found.should_retire) == (True, False)
    assert (found.instead, found.instead_count) == (B, 5)
    assert health([Try(0.0, B)] * 4).should_retire  # low 0.510
    assert not health([Try(0.0, B)] * (FEWEST - 1)).is_suspicious
    assert not health([Try(1.0, A)] * 9).is_suspicious
    assert health([]).failing is None
    assert not health([Try(None, ())] * 5).is_suspicious


def test_gold_is_what_enough_good_workers_say_and_none_of_them_denies() -> None:
    one, two, three = committed(1, "a", by=1), committed(2, "a", by=2), committed(3, "b", by=3)
    assert label(promoted([one, two, three], {1, 2}, least=2, same=equal)) == "a"
    assert promoted([one, two, three], {1, 2, 3}, least=2, same=equal) is None
    assert promoted([one, three], {1, 2}, least=2, same=equal) is None
    twice = [committed(1, "a", by=1), committed(2, "a", by=1, minute=1)]
    assert promoted(twice, {1}, least=2, same=equal) is None


def test_good_is_who_agrees_with_the_others_often_enough_or_is_called_so() -> None:
    def task(number: int, third: str) -> list[object]:
        return [committed(3 * number + by, "a" if by < 3 else third, by=by) for by in (1, 2, 3)]

    tasks = [task(number, "b" if number % 2 else "a") for number in range(24)]
    # workers 1 and 2 agree with each other; where 3 says b, the others' answers are a tie
    good = good_workers(tasks, {}, same=equal, above=0.7)  # type: ignore[arg-type]
    assert good == {1, 2}
    said = good_workers(tasks, {3: True, 1: False}, same=equal, above=0.7)  # type: ignore[arg-type]
    assert said == {2, 3}
    assert good_workers(tasks[:2], {}, same=equal, above=0.7) == set()  # type: ignore[arg-type]


def test_the_reference_error_solves_its_own_equation() -> None:
    assert reference_error(0, 0) is None
    found = reference_error(18, 100, labels=2)
    # two labels: d = 2 e (1 - e), so e = 0.1 for d = 0.18
    assert found is not None
    assert found.value == pytest.approx(0.1)
    assert found.low < found.value < found.high
    spans = reference_error(19, 100)
    # wrong answers never coincide: d = 1 - (1 - e)^2, e = 0.1 for d = 0.19
    assert spans is not None
    assert spans.value == pytest.approx(0.1)
    worst = reference_error(100, 100, labels=2)
    assert worst is not None
    assert math.isfinite(worst.high)
