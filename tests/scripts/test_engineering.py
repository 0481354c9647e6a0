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
from scripts import engineering
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
