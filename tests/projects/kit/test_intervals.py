"""Intervals against numbers worked by hand."""

from __future__ import annotations

import math
import tracemalloc

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
        values = [0.1, 0.5, 0.9, 1.0] * 5
        assert mean(values, seed=3) == mean(values, seed=3)

    # z² = 3.8415, so 1 + z²/2 = 2.92073 and z²/16 = 0.24009.
    # 2/3 and 2/3: centre (0.66667 + 0.96036) / 2.92073 = 0.55706,
    # half 1.95996 / 2.92073 * sqrt(0.22222 / 2 + 0.24009) = 0.39768: 0.15938 to 0.95474.
    # 0.2 and 0.4: centre (0.3 + 0.96036) / 2.92073 = 0.43152,
    # half 0.67105 * sqrt(0.21 / 2 + 0.24009) = 0.39420: 0.03732 to 0.82572.
    # Nineteen of 0.5: centre 0.5, half 1.95996 / 1.20218 * sqrt(0.25 / 19 + 0.0026610)
    # = 0.20503: 0.29497 to 0.70503.
    @pytest.mark.parametrize(
        ("values", "low", "high"),
        [
            ([2 / 3, 2 / 3], 0.15938, 0.95474),
            ([0.2, 0.4], 0.03732, 0.82572),
            ([0.5] * 19, 0.29497, 0.70503),
        ],
    )
    def test_few_values(self, values: list[float], low: float, high: float) -> None:
        found = mean(values)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)

    def test_many_equal_values_have_a_width(self) -> None:
        # Centre 0.5, half 1.95996 / 1.0384146 * sqrt(0.25 / 100 + 3.8415 / 40000) = 0.09616.
        found = mean([0.5] * 100)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((0.40384, 0.59616), abs=1e-4)

    def test_many_values_are_resampled(self) -> None:
        # Half of 0.4 and half of 0.6 deviate by 0.1 each, so their mean by 0.1 / sqrt(100).
        found = mean([0.4, 0.6] * 50)
        assert found is not None
        half = Z * 0.01
        assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.002)

    def test_values_that_repeat_are_resampled_as_others_are(self) -> None:
        # Values that all differ by next to nothing take the other way: the same but for chance.
        repeating = [0.1, 0.4, 0.7, 1.0] * 25
        differing = [value - 1e-7 * number for number, value in enumerate(repeating)]
        one, other = mean(repeating, draws=20_000), mean(differing, draws=20_000)
        assert one is not None
        assert other is not None
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.003)

    def test_many_values_take_bounded_memory(self) -> None:
        values = [0.25, 0.75] * 5000
        tracemalloc.start()
        mean(values)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20e6

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
    def test_the_value_lies_inside_and_all_in_the_unit_interval(self, values: list[float]) -> None:
        found = mean(values, draws=200)
        assert found is not None
        assert -1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1 + 1e-9
