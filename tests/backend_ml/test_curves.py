"""Learning curves: sizes, the gain that is promised, and the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from backend_ml import curves
from backend_ml.curves import Curve, Gain
from backend_ml.labels import Label
from tests.support.kinds import corpus, kind_of


def labels(form: str, count: int) -> list[Label]:
    texts, answers = corpus(form, count)
    return [Label(n, t, a) for n, (t, a) in enumerate(zip(texts, answers, strict=True))]


def curve(gain: Gain) -> Curve:
    return Curve("x", 100, 1, (), gain, 200)


def test_sizes_double_up_to_all_but_one_fold() -> None:
    # a quarter of 60 is kept apart: 45, 22, 11; the next would be 5
    assert curves.sizes_for(60) == [11, 22, 45]
    assert curves.sizes_for(1000) == [23, 46, 93, 187, 375, 750]


def test_too_few_labels_say_how_many_are_missing() -> None:
    with pytest.raises(curves.TooFewLabels, match="Label 18 more"):
        curves.learning_curve(kind_of("choice"), "choice_linear", labels("choice", 42))


def test_the_gain_of_a_power_law_is_found() -> None:
    # error 2 / sqrt(size): 0.4, 0.2828.., 0.2 at 25, 50, 100. The law says 0.2 - 0.1414 for
    # 100 to 200, and the last doubling gained 0.0828: the middle is 0.0707
    errors = 2 / np.sqrt([25.0, 50.0, 100.0])
    values = np.repeat((1 - errors)[None, :, None], 50, axis=2)
    found = curves.gain(values, [25, 50, 100], 100, rng=np.random.default_rng(0))
    assert found.value == pytest.approx((0.0586 + 0.0828) / 2, abs=0.002)
    assert found.low == pytest.approx(0.0586, abs=0.002)
    assert found.high == pytest.approx(0.0828, abs=0.002)


def test_a_flat_curve_promises_nothing() -> None:
    values = np.full((2, 3, 50), 0.8)
    found = curves.gain(values, [25, 50, 100], 100, rng=np.random.default_rng(0))
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(Gain(0.05, 0.02, 0.08), "yes"), (Gain(0.0, -0.01, 0.005), "no"),
     (Gain(0.02, 0.0, 0.05), "unclear")],
)  # fmt: skip
def test_the_verdict_follows_the_interval(gain: Gain, verdict: str) -> None:
    assert curve(gain).verdict == verdict


def test_a_curve_of_real_models_rises_and_repeats() -> None:
    rows, told = labels("choice", 80), []
    found = curves.learning_curve(
        kind_of("choice"), "choice_linear", rows, seeds=1, tell=lambda: told.append(1)
    )
    assert [point.labels for point in found.points] == [15, 30, 60]
    assert found.points[-1].quality.value >= found.points[0].quality.value
    assert all(point.quality.n == 80 for point in found.points)
    assert len(told) == 12  # three sizes, four folds
    again = curves.learning_curve(kind_of("choice"), "choice_linear", rows, seeds=1)
    assert again == found
