from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend_ml.replaying import Point
from projects.kit.errors import UnknownName
from scripts.bench import backend, cost, datasets, label_efficiency
from scripts.bench.label_efficiency import sizes_for
from scripts.bench.replayed import DEFAULT, Curves, worst
from scripts.cli import app
from tests.support.kinds import corpus

PEER = Path(__file__).parents[3] / ".venv-label-studio-ml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    texts, answers = corpus("choice", 160, seed=1)
    rows = [
        {"text": f"{text} {number}", "label": answer[0].label}
        for number, (text, answer) in enumerate(zip(texts, answers, strict=True))
    ]
    (folder / "mail").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "mail" / "rows.jsonl").write_text(lines)
    return folder


def test_label_efficiency_from_the_command_line(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ["bench", "backend", "--data", str(data), "--json", str(file), "--quick"]
    arguments += ["--only", "label-efficiency", "--processes", "1", "--strategies", "random"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "label efficiency: 1 models of all labels" in done.stderr  # no terminal: lines
    found = json.loads(file.read_text())
    figure = found["figures"]["mail_label_labels_to_95_ratio"]
    assert figure["goal"] == 1.0
    assert figure["ok"] is (figure["value"] <= 1.0)
    one = found["details"]["label-efficiency"]["mail:label"]
    assert set(one["strategies"]) == {"adaptive", "random"}
    assert one["target"] == pytest.approx(0.95 * one["full_quality"])
    assert len(one["strategies"]["random"]["labels_by_seed"]) == 2


def test_replays_that_end_early_tell_no_labels_that_they_did_not_see(
    data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    arguments = ["bench", "backend", "--data", str(data), "--json", str(file), "--quick"]
    arguments += ["--only", "label-efficiency", "--processes", "1", "--strategies", "random"]
    done = CliRunner().invoke(app, [*arguments, "--most-labels", "4"])
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    one = found["details"]["label-efficiency"]["mail:label"]
    random = one["strategies"]["random"]
    assert list(random["quality"]) == ["4"]
    assert random["reached"] == [False, False]
    assert random["labels_to_95"] is random["marks_to_95"] is random["over_random"] is None
    assert "mail_label_labels_to_95_ratio" not in found["figures"]


def test_cost_counts_requests_for_each_label(data: Path, tmp_path: Path) -> None:
    [mail] = datasets.read(data, seed=0).datasets
    effort = replace(cost.QUICK, sizes=(60,), bursts=1, open_tasks=40, idle_seconds=1.0)
    figures, details = cost.measure(mail, tmp_path, effort, say=lambda _: None)
    by_name = {figure.name: figure for figure in figures}
    one = details["by_labels"][60]
    assert one["labels"] == 10
    assert by_name["requests_per_label_at_60"].value == sum(one["requests"].values()) / 10
    assert one["bursts"][0]["seconds"] >= one["bursts"][0]["fit_seconds"] >= 0


@pytest.mark.skipif(not PEER.exists(), reason="scripts/setup --label-studio-ml makes the peer")
def test_serving_asks_both_servers_the_same(data: Path) -> None:
    plan = backend.plan(
        quick=True, seeds=None, only=["serving"], tasks=[], strategies=[], processes=1
    )
    effort = replace(plan.serving, rounds=1, seconds=0.2, rows=100)
    report = backend.run(
        data, replace(plan, serving=effort), seed=0, embedding="", peer=PEER, say=lambda _: None
    )
    found = report.to_json()
    serving = found["details"]["serving"]
    assert serving["peer"]["label-studio-ml"] == "1.0.9"
    assert serving["accuracy"]["ours"] > 0.5
    assert serving["accuracy"]["peer"] > 0.5
    assert found["figures"]["predict_1_task_throughput_ratio"]["value"] > 0


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownName, match="serving"):
        backend.plan(quick=True, seeds=1, only=["speed"], tasks=[], strategies=[], processes=1)


def test_sizes_end_with_all_rows() -> None:
    assert sizes_for(230, ((100, 50), (10**9, 100))) == [50, 100, 200, 230]
    assert sizes_for(30, ((100, 50),)) == [30]


def curve(*qualities: float) -> list[Point]:
    return [Point(100 * (i + 1), q, 0, 0.0) for i, q in enumerate(qualities)]


def test_worst_is_in_standard_deviations_of_the_seeds() -> None:
    curves = Curves(full=1.0)
    curves.runs["random"] = {0: curve(0.5, 0.75), 1: curve(0.5, 0.85), 2: curve(0.0, 0.0)}
    curves.runs[DEFAULT] = {0: curve(0.6, 0.65), 1: curve(0.6, 0.75)}
    # A seed that only one of them has does not count.
    # At 100 ahead, without deviation: 0. At 200 .8 - .7 = .1 behind; each deviates by
    # .1 / sqrt(2) = .0707: 1.414 standard deviations.
    assert worst(curves) == pytest.approx(2**0.5)


def test_labels_to_the_target_are_known_where_all_were_used_or_all_reached_it() -> None:
    for is_cut, knows in ((False, True), (True, False)):
        curves = Curves(full=1.0, is_cut=is_cut)
        curves.runs["random"] = {0: curve(0.5, 0.95), 1: curve(0.5, 0.9)}
        curves.runs[DEFAULT] = {0: curve(0.5, 0.95), 1: curve(0.96, 0.97)}
        assert curves.knows_labels("random") is knows
        assert curves.knows_labels(DEFAULT)
        assert curves.labels(DEFAULT) == [200, 100]


def test_one_seed_has_no_deviation() -> None:
    curves = Curves(full=1.0)
    curves.runs["random"], curves.runs[DEFAULT] = {0: curve(0.5)}, {0: curve(0.6)}
    assert worst(curves) is None


def test_the_default_and_random_are_always_compared() -> None:
    effort = replace(label_efficiency.QUICK, strategies=("entropy",))
    assert label_efficiency.chosen(effort) == ("adaptive", "random", "entropy")


@pytest.mark.parametrize("labels", [60, 1_000, 10_000, 101_012])
def test_only_the_last_label_of_a_burst_is_enough_for_a_training(labels: int) -> None:
    effort = cost.Effort()
    new = cost.burst_size(labels, effort)
    assert new >= effort.burst
    assert new >= (labels + new) * cost.SHARE
    assert new == effort.burst or new - 1 < (labels + new - 1) * cost.SHARE
