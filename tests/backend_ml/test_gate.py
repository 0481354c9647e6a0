"""Which version may serve."""

from __future__ import annotations

import numpy as np
import pytest

from backend_ml import gate


def test_chance_counts_the_ways_to_flip_signs() -> None:
    # Two labels differ, both for the better: of 4 ways to flip, 1 is as good. 1/4.
    assert gate.chance([1.0, 0.0, 1.0]) == 0.25
    # Better on 3, worse on 1: a sum of 2 or 4; of 16 ways 4 give 2 and 1 gives 4. 5/16.
    assert gate.chance([1.0, 1.0, 1.0, -1.0]) == 5 / 16
    assert gate.chance([0.0] * 9) == 1.0
    assert gate.chance([]) == 1.0


def test_chance_of_many_labels_agrees_with_the_binomial() -> None:
    # 14 better, 6 worse: P(14 or more of 20 coins) = 60460 / 2**20 = 0.0577.
    assert gate.chance([1.0] * 14 + [-1.0] * 6) == pytest.approx(0.0577, abs=0.008)


def test_a_refit_is_refused_only_beyond_noise() -> None:
    champion = [1.0] * 20
    assert gate.refit([1.0] * 20, champion, name="v").promote
    # Worse on 4 of 20: chance does that in 1/16 = 0.0625.
    assert gate.refit([0.0] * 4 + [1.0] * 16, champion, name="v").promote
    # Worse on 5 of 20: 1/32 = 0.031.
    refused = gate.refit([0.0] * 5 + [1.0] * 15, champion, name="intent-0004")
    assert not refused.promote
    assert "0.750 against 1.000 of intent-0004 on 20" in refused.reason
    assert gate.refit([], [], name="v").promote


def test_another_learner_must_be_better_beyond_noise() -> None:
    champion = [0.0] * 5 + [1.0] * 25
    assert not gate.takeover(champion, champion, name="v").promote
    assert not gate.takeover([1.0] * 4 + [0.0] + [1.0] * 25, champion, name="v").promote  # 1/16
    found = gate.takeover([1.0] * 30, champion, name="v")  # 1/32
    assert found.promote
    assert found.difference is not None
    # Mean 5/30; sd sqrt(30/29 * 1/6 * 5/6) = 0.3790; error 0.0692; t(29) = 2.045: +-0.1415.
    assert found.difference.value == pytest.approx(1 / 6)
    assert found.difference.low == pytest.approx(0.0252, abs=1e-3)
    assert found.difference.high == pytest.approx(0.3082, abs=1e-3)


def test_nothing_to_compare_on_lets_a_refit_through_and_no_other_learner() -> None:
    assert gate.refit([], [], name="v").promote
    assert not gate.takeover([], [], name="v").promote
    assert gate.takeover([], [], name="v").difference is None


def test_after_a_rollback_as_good_is_good_enough_and_few_labels_are_not() -> None:
    assert not gate.comeback([1.0] * 9, [0.0] * 9, name="v").promote
    assert gate.comeback([1.0] * 10, [1.0] * 10, name="v").promote
    assert not gate.comeback([1.0] * 9 + [0.0], [1.0] * 10, name="v").promote


def test_two_equal_learners_change_places_in_about_one_comparison_of_twenty() -> None:
    taken = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        new, champion = (rng.random((2, 60)) < 0.8).astype(float)
        taken += gate.takeover(list(new), list(champion), name="v").promote
    # 5% of 400 is 20, with a standard deviation of 4.4; ties make it fewer.
    assert 4 <= taken <= 33


def test_a_model_follows_rules_once_it_is_ahead_on_twenty_labels() -> None:
    rules = [1.0, 0.0] * 10
    ahead = [1.0, 0.0] * 9 + [1.0, 1.0]
    assert gate.graduation(ahead, rules, name="v").promote  # 11 right against 10
    assert not gate.graduation(rules, rules, name="v").promote
    few = gate.graduation([1.0] * 19, [0.0] * 19, name="v")
    assert not few.promote
    assert "20 would do" in few.reason
