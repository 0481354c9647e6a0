"""MLflow shows the runs, the versions and the alias; moving the alias moves the champion."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from backend_ml import model_store, promotion, tracking
from backend_ml.model_store import Facts
from backend_ml.tables import ProjectRow, VersionRow
from backend_ml.tracking import Mirror
from projects.kit.database import transaction
from tests.backend_ml.conftest import Desk
from tests.backend_ml.test_rollback import GOOD, live

MakeDesk = Callable[..., Desk]
pytestmark = pytest.mark.filterwarnings(
    # MLflow's own way with its database.
    "ignore:The ``noload`` loader strategy is deprecated"
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables; making them takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.sqlite"
    tracking.connect(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def desk(make_desk: MakeDesk, empty: Path, tmp_path: Path) -> Desk:
    """Two versions, of which the second serves."""
    url = f"sqlite:///{shutil.copy(empty, tmp_path / 'mlflow.sqlite')}"
    made = make_desk(tracking_url=url)
    for place, cause in ((0, "one"), (40, "two")):
        made.answer(40, first=place)
        made.hear()
        made.train(cause)
    return made


def versions(desk: Desk) -> list[VersionRow]:
    with desk.workshop.reading() as session:
        return list(session.scalars(sa.select(VersionRow).order_by(VersionRow.number)))


def alias(desk: Desk, client: Any) -> str:
    found = client.get_model_version_by_alias(tracking.model_name(desk.project_id), "champion")
    return str(found.tags[tracking.VERSION])


def test_runs_versions_and_the_alias_are_there_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    mirror = Mirror(desk.workshop)
    for _ in range(2):
        mirror.look(desk.project_id)
    Mirror(desk.workshop).look(desk.project_id)  # as after a restart
    client, name = mirror.client, tracking.model_name(desk.project_id)
    experiment = client.get_experiment_by_name(name)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["intent-0001", "intent-0002"]
    rows = versions(desk)
    for row in rows:
        run = runs[row.name]
        assert run.data.params["learner"] == "choice_linear"
        assert run.data.params["labels"] == str(row.labels)
        assert run.data.metrics["held_out"] == row.held_out
        assert run.data.tags[tracking.STATE] == row.state
        assert run.data.tags[tracking.REASON] == row.reason
        assert row.tracked == run.info.run_id
    found = client.search_model_versions(f"name = '{name}'")
    assert {one.source for one in found} == {
        f"file://{desk.workshop.store.folder(row)}" for row in rows
    }
    assert len(found) == 2
    assert alias(desk, client) == "intent-0002"
    assert list(elsewhere.iterdir()) == []  # nothing is left where the process was started


def test_a_version_that_serves_again_is_shown(desk: Desk) -> None:
    mirror = Mirror(desk.workshop)
    mirror.look(desk.project_id)
    promotion.roll_back(desk.workshop, desk.project_id, why="A test.")
    live(desk, GOOD, epoch=1)
    mirror.look(desk.project_id)
    assert alias(desk, mirror.client) == "intent-0001"
    with desk.workshop.reading() as session:
        project = session.get(ProjectRow, desk.project_id)
    assert project is not None
    assert not project.pinned  # it was not taken for a person's wish


def test_who_moves_the_alias_chooses_the_champion(desk: Desk) -> None:
    mirror = Mirror(desk.workshop)
    mirror.look(desk.project_id)
    client, name = mirror.client, tracking.model_name(desk.project_id)
    numbers = {one.tags[tracking.VERSION]: one.version for one in client.search_model_versions("")}
    client.set_registered_model_alias(name, "champion", numbers["intent-0001"])
    Mirror(desk.workshop).look(desk.project_id)
    with desk.workshop.reading() as session:
        serving = model_store.champion(session, desk.project_id)
        assert serving is not None
        assert (serving.name, serving.reason) == ("intent-0001", "Chosen in MLflow.")
        assert session.get_one(ProjectRow, desk.project_id).pinned
    mirror.look(desk.project_id)
    assert alias(desk, client) == "intent-0001"


def test_an_alias_on_what_cannot_serve_is_moved_back(desk: Desk) -> None:
    mirror = Mirror(desk.workshop)
    mirror.look(desk.project_id)
    client, name = mirror.client, tracking.model_name(desk.project_id)
    foreign = client.create_model_version(name, source="file:///elsewhere")
    client.set_registered_model_alias(name, "champion", foreign.version)
    mirror.look(desk.project_id)
    assert alias(desk, client) == "intent-0002"


def test_a_training_that_failed_is_a_run_without_a_model(desk: Desk) -> None:
    facts = Facts("challenge", "slow", 80, 0, None, 0.0, None, None, reason="It took too long.")
    with transaction(desk.workshop.sessions) as session:
        now = desk.clock()
        desk.workshop.store.add_failed(session, desk.project_id, desk.kind, facts=facts, now=now)
    mirror = Mirror(desk.workshop)
    mirror.look(desk.project_id)
    assert len(mirror.client.search_model_versions("")) == 2
    assert versions(desk)[2].tracked is not None


def test_live_accuracy_is_told_by_version(desk: Desk) -> None:
    live(desk, [1.0, 1.0, 0.0, 1.0], epoch=1)
    with desk.workshop.reading() as session:
        found = tracking.live_accuracy(session, desk.project_id, desk.kind)
    assert found[""].value == 0.75
    assert found[""].n == 4


def test_mlflow_is_forbidden_to_tell_its_makers() -> None:
    code = (
        "from backend_ml import tracking\n"
        "import sys\n"
        "assert 'mlflow' not in sys.modules\n"
        "tracking.settings.forbid_telemetry()\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "assert is_telemetry_disabled()\n"
        "assert get_telemetry_client() is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
