"""Honest probabilities, and how far they are from that."""

from __future__ import annotations

import numpy as np
import pytest

from backend_ml import calibration


def test_shares_by_hand() -> None:
    # Slope 1, offset 0: sigmoid(0) = 1/2 and sigmoid(ln 3) = 3/4, so 2/5 and 3/5.
    found = calibration.shares(np.array([[0.0, np.log(3.0)]]), (1.0, 0.0))
    assert found == pytest.approx(np.array([[0.4, 0.6]]))


def test_shares_of_texts_far_from_every_class_still_sum_to_one() -> None:
    found = calibration.shares(np.full((1, 4), -1e4), (10.0, -3.0))
    assert found == pytest.approx(np.full((1, 4), 0.25))


def test_shares_soften_what_is_too_sure() -> None:
    # One class is always ahead by two, and right in half of the cases: honest is 50%.
    scores = np.tile([1.0, -1.0], (40, 1))
    line = calibration.fit_shares(scores, [0, 1] * 20)
    assert calibration.shares(scores, line)[0, 0] == pytest.approx(0.5, abs=0.03)


def test_shares_of_few_rows_are_not_fitted() -> None:
    assert calibration.fit_shares(np.zeros((9, 2)), [0] * 9) == calibration.NO_SHARES


def test_without_a_mistake_nothing_is_certain() -> None:
    scores = np.tile([1.0, -1.0], (20, 1))
    sure = calibration.shares(scores, calibration.fit_shares(scores, [0] * 20))[0, 0]
    # One part in 22 of doubt: 1 - 1/22.
    assert sure == pytest.approx(1 - 1 / 22, abs=0.01)


def test_a_class_that_could_not_be_learned_asks_for_doubt() -> None:
    # Right in half of the cases, and in the other half it is a class that no column stands for.
    scores = np.tile([1.0, -1.0], (40, 1))
    line = calibration.fit_shares(scores, [0, -1] * 20)
    # The best is the mean target: (1 - 1/42 + 1/2) / 2 = .738.
    assert calibration.shares(scores, line)[0, 0] == pytest.approx(0.738, abs=0.02)


def test_torn_by_hand() -> None:
    # sigmoid(4 d + 2): of -1/2 it is 1/2, of (ln 3 - 2) / 4 it is 3/4. Shares 2/5 and 3/5.
    found = calibration.torn(np.array([[-0.5, (np.log(3.0) - 2.0) / 4.0]]))
    assert found == pytest.approx([1.0 - 0.2])


def test_torn_is_the_margin_of_shares_before_calibration() -> None:
    scores = np.random.default_rng(0).normal(-0.5, 0.5, size=(50, 7))
    ascending = np.sort(calibration.shares(scores, calibration.NO_SHARES), axis=1)
    gaps = ascending[:, -1] - ascending[:, -2]
    assert calibration.torn(scores) == pytest.approx(1.0 - gaps)


def test_a_clear_winner_inside_of_two_borders_is_no_tie() -> None:
    scores = np.array([[0.9, 0.0, -1.0], [0.05, 0.0, -1.0]])
    clear, close = calibration.torn(scores)
    assert clear < 0.95 < 0.98 < close
    # Under a line as steep as calibration finds with many classes both look like ties.
    steep = np.sort(calibration.shares(scores, (15.0, 9.0)), axis=1)
    assert steep[:, -1] - steep[:, -2] == pytest.approx([0.0, 0.0], abs=1e-3)


def test_nothing_is_torn_far_from_every_class_or_with_one_class() -> None:
    assert calibration.torn(np.full((2, 1), 0.3)).tolist() == [0.0, 0.0]
    assert np.isfinite(calibration.torn(np.full((1, 4), -1e4))).all()


def test_line_lowers_what_is_too_sure() -> None:
    confidence = np.full(200, 0.9)
    line = calibration.fit_logit_line(confidence, [True, False] * 100)
    assert calibration.on_line(np.array([0.9]), line)[0] == pytest.approx(0.5, abs=0.05)


def test_line_keeps_the_order() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6] * 10)
    line = calibration.fit_logit_line(confidence, [False, False, True, True] * 10)
    assert line[0] > 0


def test_calibration_error_by_hand() -> None:
    # 20 texts, 2 bins. Below .5: ten at .2, of which 4 are right; above: ten at .9, of which 7.
    # (10 x |.2 - .4| + 10 x |.9 - .7|) / 20 = .2
    confidence = np.array([0.2] * 10 + [0.9] * 10)
    right = [True] * 4 + [False] * 6 + [True] * 7 + [False] * 3
    found = calibration.expected_calibration_error(confidence, right)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert found.n == 20
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_calibration_error_of_nothing_is_unknown() -> None:
    assert calibration.expected_calibration_error(np.zeros(0), []) is None


def test_calibration_error_refuses_what_does_not_pair() -> None:
    with pytest.raises(ValueError, match="2 confidences for 1 answers"):
        calibration.expected_calibration_error(np.zeros(2), [True])


def test_certainty_has_a_bin() -> None:
    found = calibration.expected_calibration_error(np.ones(40), [True] * 40)
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)


@pytest.mark.parametrize(("shift", "least"), [(0.0, 36), (0.1, 36)])
def test_interval_of_the_calibration_error_holds_the_truth(shift: float, least: int) -> None:
    """In 40 made-up sets of 300 texts: nine of ten times at least."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.2, 0.95, 300)
        right = rng.random(300) < confidence - shift
        found = calibration.expected_calibration_error(confidence, right.tolist(), seed=seed)
        assert found is not None
        held += found.low <= shift <= found.high
    assert held >= least


def test_calibration_error_is_the_same_again() -> None:
    rng = np.random.default_rng(1)
    confidence, right = rng.random(50), (rng.random(50) < 0.5).tolist()
    one = calibration.expected_calibration_error(confidence, right, seed=3)
    assert one == calibration.expected_calibration_error(confidence, right, seed=3)


def test_log_loss_by_hand() -> None:
    assert calibration.log_loss(np.array([0.5, 0.75])) == pytest.approx(-np.log(0.375) / 2)
    assert calibration.log_loss(np.array([0.0])) < 30, "what was held impossible is bounded"
    assert calibration.log_loss(np.array([])) == 0.0
