"""Intervals against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.kit.intervals import mean, proportion

Z = 1.959963984540054  # 97.5% point of the normal distribution


def by_hand(successes: int, n: int) -> tuple[float, float]:
    """Wilson (1927): centre and half-width, written out."""
    p = successes / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


class TestProportion:
    # 8 of 10: z² = 3.8415, centre (0.8 + 0.19207) / 1.38415 = 0.71674,
    # half 1.95996 / 1.38415 * sqrt(0.016 + 0.0096036) = 0.22658: 0.49016 to 0.94332.
    # 0 of 10: low 0, high z² / (10 + z²) = 3.8415 / 13.8415 = 0.27753.
    # 5 of 10: centre 0.5, half 1.41600 * sqrt(0.025 + 0.0096036) = 0.26341: 0.23659 to 0.76341.
    @pytest.mark.parametrize(
        ("successes", "n", "low", "high"),
        [
            (8, 10, 0.49016, 0.94332),
            (0, 10, 0.0, 0.27753),
            (10, 10, 0.72247, 1.0),
            (5, 10, 0.23659, 0.76341),
            (1, 1, 0.20655, 1.0),
        ],
    )
    def test_wilson(self, successes: int, n: int, low: float, high: float) -> None:
        found = proportion(successes, n)
        assert found is not None
        assert (found.value, found.n) == (successes / n, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)

    def test_nothing_seen_is_undefined(self) -> None:
        assert proportion(0, 0) is None

    @given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_the_formula(self, seen: tuple[int, int]) -> None:
        found = proportion(*seen)
        assert found is not None
        assert (found.low, found.high) == pytest.approx(by_hand(*seen), abs=1e-9)


class TestMean:
    def test_nothing_seen_is_undefined(self) -> None:
        assert mean([]) is None

    def test_zeros_and_ones_are_a_proportion(self) -> None:
        assert mean([1.0] * 8 + [0.0] * 2) == proportion(8, 10)
        assert mean([1.0, 1.0]) == proportion(2, 2)

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        values = [0.1, 0.5, 0.9, 1.0]
        assert mean(values, seed=3) == mean(values, seed=3)

    def test_two_values(self) -> None:
        # The mean of two draws from {0.2, 0.4} is 0.2, 0.3 or 0.4 with 1/4, 1/2 and 1/4,
        # so both 2.5% tails end at the extremes.
        found = mean([0.2, 0.4])
        assert found is not None
        assert (found.low, found.value, found.high) == pytest.approx((0.2, 0.3, 0.4))

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
    def test_the_value_lies_inside_and_all_in_the_unit_interval(self, values: list[float]) -> None:
        found = mean(values, draws=200)
        assert found is not None
        assert -1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1 + 1e-9

    def test_equal_values_that_are_neither_0_nor_1(self) -> None:
        found = mean([0.5, 0.5, 0.5])
        assert found is not None
        assert found.n == 3
