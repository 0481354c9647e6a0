"""What each query strategy prefers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend_ml.pool import Matrix, Pool, Positions
from backend_ml.strategies import (
    adaptive,
    capped_confidence,
    cardinality_margin,
    diverse_margin,
    entropy,
    least_confidence,
    margin,
    typicality,
)

THREE = np.array([[0.5, 0.3, 0.2], [0.45, 0.45, 0.1], [0.9, 0.05, 0.05]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def choices(proba: Matrix) -> Pool:
    return Pool(proba.max(axis=1), proba=proba)


def on_circle(*angles: float) -> Matrix:
    return np.array([[np.cos(a), np.sin(a)] for a in angles])


def test_margin_is_the_gap_between_the_two_best_classes() -> None:
    assert margin.utilities(choices(THREE)) == pytest.approx([0.8, 1.0, 0.15])


def test_margin_of_several_labels_is_that_of_the_closest_one() -> None:
    pool = Pool(np.zeros(2), marginals=np.array([[0.9, 0.4], [0.99, 0.01]]))
    # |2 * 0.4 - 1| = 0.2 and |2 * 0.99 - 1| = 0.98
    assert margin.utilities(pool) == pytest.approx([0.8, 0.02])


def test_margin_of_spans_is_the_hesitation_at_a_token() -> None:
    pool = Pool(np.array([0.2, 0.9]), hesitation=np.array([0.3, 0.7]))
    assert margin.utilities(pool).tolist() == [0.3, 0.7]
    plain = Pool(np.array([0.2, 0.9]))
    assert margin.utilities(plain) == pytest.approx([0.8, 0.1])


def test_what_a_learner_says_of_its_hesitation_goes_before_its_probabilities() -> None:
    pool = replace(choices(THREE), hesitation=np.array([0.1, 0.2, 0.9]))
    assert margin.utilities(pool).tolist() == [0.1, 0.2, 0.9]


def test_least_confidence_is_about_the_whole_answer() -> None:
    assert least_confidence.utilities(choices(THREE)) == pytest.approx([0.5, 0.55, 0.1])


def test_entropy_is_in_nats() -> None:
    proba = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert entropy.utilities(choices(proba)) == pytest.approx([np.log(2), 0.0])
    several = Pool(np.zeros(1), marginals=np.array([[0.5, 1.0]]))
    assert entropy.utilities(several) == pytest.approx([np.log(2) / 2])
    spans = Pool(np.zeros(2), disorder=np.array([1.2, 0.1]))
    assert entropy.utilities(spans).tolist() == [1.2, 0.1]


def test_entropy_of_a_bare_confidence_falls_with_it() -> None:
    found = entropy.utilities(Pool(np.array([0.0, 0.3, 0.5, 0.8, 1.0])))
    assert (np.diff(found) < 0).all()


def test_an_odd_number_of_labels_is_worth_asking_about() -> None:
    marginals = np.array([[0.7, 0.7, 0.7], [0.7, 0.1, 0.1], [0.6, 0.1, 0.1]])
    pool = Pool(np.zeros(3), marginals=marginals, cardinality=1.0)
    # Labels given 3, 1, 1: odd by 2, 0, 0; margins 1 - 0.4, 1 - 0.4, 1 - 0.2.
    expected = [2.1 * 0.6, 0.1 * 0.6, 0.1 * 0.8]
    assert cardinality_margin.utilities(pool) == pytest.approx(expected)
    unknown = replace(pool, cardinality=None)
    assert cardinality_margin.utilities(unknown) == pytest.approx([0.6, 0.6, 0.8])


def three_sorts(each: int) -> tuple[Pool, Matrix]:
    """Three tight groups of texts; the first is the least certain by far."""
    rows = on_circle(*(g * 2.0 + 0.001 * i for g in range(3) for i in range(each)))
    top = np.repeat([0.5, 0.6, 0.7], each)
    proba = np.column_stack([top, 1.0 - top])
    return Pool(top, proba=proba, describe=lambda p: rows[p]), rows


def test_a_diverse_batch_has_one_of_each_sort() -> None:
    pool, _ = three_sorts(50)
    chosen = diverse_margin.select(pool, 3, rng=rng())
    assert [int(p) // 50 for p in chosen] == [0, 1, 2]
    # The middle of each group is nearest to its centre.
    assert all(20 <= int(p) % 50 <= 29 for p in chosen)


def test_a_diverse_batch_looks_only_at_uncertain_tasks() -> None:
    rows = rng(1).normal(size=(2000, 8))
    top = np.concatenate([np.full(300, 0.51), np.full(1700, 0.99)])
    pool = Pool(top, proba=np.column_stack([top, 1 - top]), describe=lambda p: rows[p])
    assert max(diverse_margin.select(pool, 20, rng=rng())) < 300


def test_the_more_uncertain_draw_the_centre() -> None:
    # Two sorts of 100 texts on an arc. The last ten of each are torn, the others hardly.
    rows = on_circle(*(g * 2.0 + 0.002 * i for g in range(2) for i in range(100)))
    torn = np.tile(np.concatenate([np.full(90, 0.1), np.ones(10)]), 2)
    pool = Pool(np.full(200, 0.5), hesitation=torn, describe=lambda p: rows[p])
    chosen = diverse_margin.select(pool, 2, rng=rng())
    # The weighted mean place is (90 x .01 x 44.5 + 10 x 94.5) / 10.9 = 90.4; the plain one 49.5.
    assert sorted(int(p) for p in chosen) == [90, 190]


def test_weights_are_utilities_squared_and_never_nothing() -> None:
    assert diverse_margin.weights_of(np.array([0.5, 1.0])).tolist() == [0.25, 1.0]
    assert diverse_margin.weights_of(np.zeros(1))[0] > 0.0


def test_a_cluster_gives_two_before_one_gives_more() -> None:
    pool, _ = three_sorts(120)
    chosen = [int(p) // 120 for p in capped_confidence.select(pool, 3, rng=rng())]
    assert sorted(chosen) == [0, 0, 1]
    many = [int(p) // 120 for p in capped_confidence.select(pool, 30, rng=rng())]
    assert len(many) == 30


def test_typical_tasks_are_central_and_of_each_sort() -> None:
    pool, rows = three_sorts(40)
    chosen = typicality.select(pool, 3, rng=rng())
    assert sorted(int(p) // 40 for p in chosen) == [0, 1, 2]
    # Ten neighbours on either side: the ends of the row have fewer near ones.
    assert typicality.typicality(rows[:40]).argmax() in range(10, 30)


def test_a_sort_that_has_an_answer_waits() -> None:
    pool, rows = three_sorts(40)
    answered = replace(pool, answered=lambda: rows[[20, 60]])
    assert int(typicality.select(answered, 1, rng=rng())[0]) // 40 == 2


def test_typicality_is_the_inverse_mean_distance() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    # Distances: first to the others 1.414 and 0, second 1.414 twice; two neighbours each.
    found = typicality.typicality(rows)
    assert found == pytest.approx([1 / (2**0.5 / 2), 1 / 2**0.5, 1 / (2**0.5 / 2)], rel=1e-4)
    assert typicality.typicality(rows[:1]).tolist() == [0.0]


@pytest.mark.parametrize(
    ("labelled", "seen", "classes", "cold"),
    [
        (0, 0, 10, True),
        (19, 9, 10, True),
        (20, 9, 10, False),
        (12, 10, 10, False),
        (39, 0, 0, True),
        (40, 0, 0, False),
    ],
)
def test_the_cold_start_ends(
    labelled: int,
    seen: int,
    classes: int,
    cold: bool,  # noqa: FBT001
) -> None:
    pool = Pool(np.array([0.5]), labelled=labelled, seen=seen, classes=classes)
    assert adaptive.is_cold(pool) == cold


@pytest.mark.parametrize(
    "several",
    [
        Pool(np.array([0.5]), marginals=np.ones((1, 40)) / 2, seen=9, classes=40),
        Pool(np.array([0.5]), hesitation=np.ones(1), disorder=np.ones(1), seen=9, classes=40),
    ],
    ids=["labels", "spans"],
)
def test_several_labels_a_text_end_the_cold_start_early(several: Pool) -> None:
    assert adaptive.is_cold(replace(several, labelled=39))
    assert not adaptive.is_cold(replace(several, labelled=40))


def test_each_form_has_its_own_warm_strategy() -> None:
    one = np.ones(1)
    assert adaptive.warm(Pool(one)) is diverse_margin
    assert adaptive.warm(Pool(one, proba=np.ones((1, 2)) / 2)) is diverse_margin
    torn = Pool(one, proba=np.ones((1, 2)) / 2, hesitation=one)
    assert adaptive.warm(torn) is diverse_margin
    assert adaptive.warm(Pool(one, marginals=np.ones((1, 2)))) is cardinality_margin
    assert adaptive.warm(Pool(one, hesitation=one, disorder=one)) is diverse_margin


def test_a_part_of_a_pool_describes_its_own_tasks() -> None:
    asked: list[Positions] = []

    def describe(positions: Positions) -> Matrix:
        asked.append(positions)
        return np.zeros((len(positions), 2))

    part = Pool(np.arange(6.0) / 10, describe=describe).take(np.array([5, 1, 3]))
    assert part.describe is not None
    part.describe(np.array([0, 2]))
    assert [row.tolist() for row in asked] == [[5, 3]]
    assert part.confidence.tolist() == [0.5, 0.1, 0.3]
