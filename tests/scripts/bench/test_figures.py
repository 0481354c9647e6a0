from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from scripts.bench.figures import Report, at_least, at_most, mean_interval, ratio_interval


@pytest.mark.parametrize(
    ("value", "goal", "below", "above"),
    [(0.4, 0.5, True, False), (0.5, 0.5, True, True), (0.6, 0.5, False, True),
     (None, 0.5, False, False), (math.inf, 0.5, False, False)],
)  # fmt: skip
def test_a_figure_knows_whether_its_goal_is_met(
    value: float | None,
    goal: float,
    *,
    below: bool,
    above: bool,
) -> None:
    assert at_most("x", value, goal, "").ok is below
    assert at_least("x", value, goal, "").ok is above


def test_a_report_has_the_shape_of_every_benchmark(tmp_path: Path) -> None:
    report = Report()
    report.add([at_most("speed", 2.0, 3.0, "how fast", low=1.5, high=2.5)], "part", {"n": 1})
    report.add([at_least("lost", math.inf, 1.0, "no number")], "other", [])
    report.write(tmp_path / "folder" / "figures.json")
    found = json.loads((tmp_path / "folder" / "figures.json").read_text())
    assert found["figures"]["speed"] == {
        "value": 2.0, "goal": 3.0, "ok": True, "direction": "at most", "meaning": "how fast",
        "low": 1.5, "high": 2.5,
    }  # fmt: skip
    assert found["figures"]["lost"]["value"] is None
    assert found["figures"]["lost"]["ok"] is False
    assert found["details"]["part"] == {"n": 1}


def test_mean_interval_is_students() -> None:
    # Mean 2, sd 1, standard error 1/sqrt(3); t(.975, 2) = 4.3027: half width 2.4841.
    found = mean_interval([1.0, 2.0, 3.0])
    assert found["n"] == 3
    assert found["value"] == pytest.approx(2.0)
    assert found["low"] == pytest.approx(2.0 - 2.4841, abs=1e-3)
    assert found["high"] == pytest.approx(2.0 + 2.4841, abs=1e-3)


def test_one_run_has_no_interval() -> None:
    assert mean_interval([0.3]) == {"value": 0.3, "low": None, "high": None, "n": 1}
    assert mean_interval([])["value"] is None


def test_ratio_is_the_geometric_mean_of_pairs() -> None:
    # 2 and 8: sqrt(2 * 8) = 4.
    assert ratio_interval([2.0, 8.0], [1.0, 1.0])["value"] == pytest.approx(4.0)
