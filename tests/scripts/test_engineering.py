"""The commands for engineers, on a state folder with labels and no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backend_ml.workshop import open_workshop
from projects.kinds import registry
from projects.kit import database
from projects.kit.errors import BadInput, UnknownName
from projects.vocabulary import Mark
from scripts import engineering, replays
from tests.backend_ml import paper
from tests.backend_ml.conftest import make_settings
from tests.fakes.label_studio import FakeLabelStudio
from tests.support.kinds import corpus

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a project of 80 labels, of which task 3's is wrong."""
    writer = fake.writer()
    kind = registry.load("intent")
    project = int(writer.create_project("Intent", label_config=kind.label_config).id)
    settings = make_settings(
        tmp_path, f"sqlite:///{tmp_path / 'x.db'}", projects={project: "intent"}
    )
    workshop = open_workshop(settings, studio=writer)
    texts, answers = corpus("choice", 80)
    ids = writer.import_tasks(
        project, [{"data": {"text": t, "heading": "", "context": ""}} for t in texts]
    )
    with database.transaction(workshop.sessions) as session:
        for place, (number, text) in enumerate(zip(ids, texts, strict=True)):
            names = sorted({one[0].label for one in answers})
            label = answers[place][0].label
            if place == 3:
                label = next(name for name in names if name != label)
            paper.task(session, number, text, project=project)
            paper.label(session, number, (Mark(kind.control, label),), project=project)
    monkeypatch.setattr(engineering, "_open", lambda _state: workshop)

    def call(command: str, *arguments: str) -> Result:
        return CliRunner().invoke(
            engineering.app, [command, "intent", *arguments], catch_exceptions=False
        )

    call.wrong = ids[3]  # type: ignore[attr-defined]
    call.writer = writer  # type: ignore[attr-defined]
    call.project = project  # type: ignore[attr-defined]
    return call


def test_curve_says_whether_more_labels_are_worth_it(run: Run, tmp_path: Path) -> None:
    numbers, page = tmp_path / "curve.json", tmp_path / "curve.html"
    done = run("curve", "--seeds", "1", "--json", str(numbers), "--plot", str(page))
    assert done.exit_code == 0
    assert "doubling the labels (80 to 160)" in " ".join(done.output.split())
    found = json.loads(numbers.read_text())
    assert [point["labels"] for point in found["points"]] == [15, 30, 60]
    assert found["verdict"] in {"yes", "no", "unclear"}
    assert "plotly.js v" in page.read_text("utf-8")


def test_doubtful_finds_the_wrong_label_and_makes_one_view(run: Any, tmp_path: Path) -> None:
    numbers = tmp_path / "doubts.json"
    for _ in range(2):
        done = run("doubtful", "--top", "5", "--push", "--json", str(numbers))
        assert done.exit_code == 0
    found = json.loads(numbers.read_text())["doubts"]
    assert found[0]["task_id"] == run.wrong
    assert f"task={run.wrong}&tab=" in found[0]["link"]
    view = int(found[0]["link"].rpartition("=")[2])
    path = f"/api/tasks/?project={run.project}&view={view}"
    shown = [task["id"] for task in run.writer.request("GET", path)["tasks"]]
    assert shown == sorted(row["task_id"] for row in found)


def test_export_writes_the_labels_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    assert run("export", str(path)).exit_code == 0
    assert len(path.read_text("utf-8").splitlines()) == 80


def test_a_project_is_named_by_its_id_or_its_kind() -> None:
    def workshop(projects: dict[int, str]) -> Any:
        return SimpleNamespace(settings=SimpleNamespace(projects=projects))

    assert engineering.project_number(workshop({4: "intent", 5: "details"}), "5") == 5
    assert engineering.project_number(workshop({4: "intent", 5: "details"}), "intent") == 4
    with pytest.raises(BadInput, match="several"):
        engineering.project_number(workshop({4: "intent", 5: "intent"}), "intent")
    with pytest.raises(UnknownName, match=r"4 \(intent\)"):
        engineering.project_number(workshop({4: "intent"}), "7")


def test_an_unknown_learner_lists_the_known_ones(run: Run) -> None:
    with pytest.raises(UnknownName, match="choice_linear"):
        run("curve", "--learner", "oracle")
    with pytest.raises(BadInput, match="cannot learn choice"):
        run("curve", "--learner", "span_crf")


def test_replay_compares_strategies(run: Run, tmp_path: Path) -> None:
    numbers, page = tmp_path / "replay.json", tmp_path / "replay.html"
    done = run("replay", "--strategies", "random,margin", "--seeds", "2", "--json", str(numbers),
               "--plot", str(page))  # fmt: skip
    assert done.exit_code == 0
    found = json.loads(numbers.read_text())
    assert [row["strategy"] for row in found] == ["random", "margin"]
    assert found[0]["sizes"][-1] == 60  # a quarter of 80 is kept apart
    # with every label chosen the strategies know the same: the first seed's ends agree
    assert found[0]["quality"][-1]["value"] == found[1]["quality"][-1]["value"]
    assert "plotly.js v" in page.read_text("utf-8")
    for option, known in (("--strategies", "margin"), ("--learners", "choice_linear")):
        with pytest.raises(UnknownName, match=known):
            run("replay", option, "oracle")


def outcome(*labels: int | None) -> replays.Outcome:
    return replays.Outcome("a", "b", (10,), (replays.mean([0.5]),), labels)


def test_labels_needed_are_a_dash_when_most_seeds_never_get_there() -> None:
    assert replays.needed(outcome(None, None, 30)) == "-"
    assert replays.needed(outcome(20, 40, 30)) == "30 (20 to 40)"
    assert replays.needed(outcome(20, None, 30)) == "30 (20 to 30, 1 of 3 never)"


def test_the_mean_over_seeds_has_students_interval() -> None:
    found = replays.mean([0.4, 0.5, 0.6])
    # s = 0.1, n = 3, t(0.975, 2) = 4.303: half = 0.2484
    assert round(found.low, 4) == 0.2516
    assert round(found.high, 4) == 0.7484
