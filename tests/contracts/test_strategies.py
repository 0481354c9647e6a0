"""What every file of ``backend_ml/strategies`` keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from backend_ml import strategies
from backend_ml.pool import Matrix, Pool, Positions
from backend_ml.strategies.base import Strategy
from projects.kit import discovery

NAMES = discovery.names(strategies)
SHAPES = (
    "choice", "torn choice", "choices", "spans", "plain", "nothing known", "one class",
    "repeated texts",
)  # fmt: skip
MOST_DESCRIBED = 6_000


@pytest.fixture(params=NAMES)
def strategy(request: pytest.FixtureRequest) -> Strategy:
    return cast(Strategy, discovery.load(strategies, request.param))


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Described:
    """Rows of unit length for positions, and how many were asked for."""

    def __init__(self, rows: Matrix) -> None:
        self.rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self.asked = 0

    def __call__(self, positions: Positions) -> Matrix:
        self.asked += len(positions)
        return np.asarray(self.rows[positions])


def make_pool(size: int, shape: str) -> Pool:
    rng = np.random.default_rng(3)
    described = Described(rng.normal(size=(size, 8)))
    if shape == "repeated texts":
        described.rows = np.tile(described.rows[:1], (size, 1))
    proba = rng.dirichlet([1.0, 1.0, 1.0], size=size).reshape(size, 3)
    pool = Pool(
        np.zeros(size) if shape == "nothing known" else rng.random(size),
        describe=described,
        labelled=100,
        seen=3,
        classes=3,
    )
    if shape in ("choice", "repeated texts"):
        return replace(pool, proba=proba.astype(np.float32))
    if shape == "torn choice":
        return replace(pool, proba=proba.astype(np.float32), hesitation=rng.random(size))
    if shape == "one class":
        return replace(pool, proba=np.ones((size, 1)))
    if shape == "choices":
        return replace(pool, marginals=rng.random((size, 4)), cardinality=1.5)
    if shape == "spans":
        return replace(pool, hesitation=rng.random(size), disorder=rng.random(size) * 2)
    return pool


def choose(strategy: Strategy, pool: Pool, size: int, *, seed: int = 5) -> list[int]:
    chosen = strategy.select(pool, size, rng=np.random.default_rng(seed))
    assert chosen.dtype == np.int64
    return [int(position) for position in chosen]


def test_positions_are_distinct_and_inside(strategy: Strategy, shape: str) -> None:
    chosen = choose(strategy, make_pool(400, shape), 10)
    assert len(chosen) == len(set(chosen)) == 10
    assert all(0 <= position < 400 for position in chosen)


def test_small_and_empty_pools(strategy: Strategy, shape: str) -> None:
    assert sorted(choose(strategy, make_pool(3, shape), 10)) == [0, 1, 2]
    assert choose(strategy, make_pool(1, shape), 1) == [0]
    assert choose(strategy, make_pool(0, shape), 10) == []
    assert choose(strategy, make_pool(3, shape), 0) == []
    assert choose(strategy, make_pool(3, shape), -2) == []


def test_same_seed_same_choice(strategy: Strategy, shape: str) -> None:
    pool = make_pool(400, shape)
    assert choose(strategy, pool, 10) == choose(strategy, pool, 10)


def test_nothing_to_describe_with_is_no_obstacle(strategy: Strategy, shape: str) -> None:
    pool = replace(make_pool(50, shape), describe=None)
    assert len(set(choose(strategy, pool, 10))) == 10


def test_a_cold_start_chooses_too(strategy: Strategy, shape: str) -> None:
    pool = make_pool(50, shape)
    rows = np.eye(8)[:2]
    cold = replace(pool, labelled=1, seen=1, answered=lambda: rows)
    assert len(set(choose(strategy, cold, 10))) == 10


def test_a_large_batch_is_whole(strategy: Strategy) -> None:
    assert len(set(choose(strategy, make_pool(900, "choice"), 800))) == 800


@pytest.mark.parametrize(
    "name", [n for n in NAMES if hasattr(discovery.load(strategies, n), "utilities")]
)
def test_a_larger_batch_begins_with_the_smaller(name: str, shape: str) -> None:
    strategy, pool = cast(Strategy, discovery.load(strategies, name)), make_pool(30, shape)
    assert choose(strategy, pool, 15)[:5] == choose(strategy, pool, 5)


def test_ties_are_broken_by_chance(strategy: Strategy) -> None:
    pool = make_pool(200, "repeated texts")
    assert pool.proba is not None
    same = replace(
        pool,
        confidence=np.full(200, 0.5),
        proba=np.repeat(np.asarray(pool.proba[:1], dtype=np.float64), 200, axis=0),
    )
    chosen = {position for seed in range(40) for position in choose(strategy, same, 5, seed=seed)}
    # 200 draws of 200 tasks meet about 200 * (1 - 1/e) = 126 of them; the first in order, 5.
    assert len(chosen) > 80


@pytest.mark.parametrize("cold", [False, True])
def test_few_of_many_tasks_are_described(strategy: Strategy, cold: bool) -> None:  # noqa: FBT001
    pool = make_pool(100_000, "choice")
    described = cast(Described, pool.describe)
    if cold:
        pool = replace(pool, labelled=0, seen=0)
    assert len(choose(strategy, pool, 40)) == 40
    assert described.asked <= MOST_DESCRIBED
