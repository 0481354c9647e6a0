"""What every file of ``backend_ml/strategies`` keeps."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from backend_ml import strategies
from backend_ml.pool import Pool
from backend_ml.strategies.base import Strategy
from projects.kit import discovery


@pytest.fixture(params=discovery.names(strategies))
def strategy(request: pytest.FixtureRequest) -> Strategy:
    return cast(Strategy, discovery.load(strategies, request.param))


@pytest.fixture(params=["choices", "spans"])
def pool(request: pytest.FixtureRequest) -> Pool:
    return make_pool(30, with_proba=request.param == "choices")


def make_pool(size: int, *, with_proba: bool) -> Pool:
    rng = np.random.default_rng(3)
    proba = rng.dirichlet([1.0, 1.0, 1.0], size=size).reshape(size, 3)
    confidence = proba.max(axis=1) if size else np.zeros(0)
    return Pool(confidence, proba if with_proba else None)


def test_positions_are_distinct_and_inside(strategy: Strategy, pool: Pool) -> None:
    chosen = strategy.select(pool, 10, rng=np.random.default_rng(0)).tolist()
    assert len(chosen) == len(set(chosen)) == 10
    assert all(0 <= position < len(pool) for position in chosen)


@pytest.mark.parametrize("with_proba", [True, False])
def test_small_and_empty_pools(strategy: Strategy, with_proba: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(0)
    assert sorted(strategy.select(make_pool(3, with_proba=with_proba), 10, rng=rng)) == [0, 1, 2]
    assert strategy.select(make_pool(0, with_proba=with_proba), 10, rng=rng).tolist() == []
    assert strategy.select(make_pool(3, with_proba=with_proba), 0, rng=rng).tolist() == []
    assert strategy.select(make_pool(3, with_proba=with_proba), -2, rng=rng).tolist() == []


def test_same_seed_same_choice(strategy: Strategy, pool: Pool) -> None:
    one = strategy.select(pool, 10, rng=np.random.default_rng(5))
    assert one.tolist() == strategy.select(pool, 10, rng=np.random.default_rng(5)).tolist()


def test_a_larger_batch_begins_with_the_smaller(strategy: Strategy, pool: Pool) -> None:
    small = strategy.select(pool, 5, rng=np.random.default_rng(5)).tolist()
    assert strategy.select(pool, 15, rng=np.random.default_rng(5)).tolist()[:5] == small
