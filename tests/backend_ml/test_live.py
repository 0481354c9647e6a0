"""Training and publishing against a real Label Studio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backend_ml import pruning, publishing, reconciling, retraining
from backend_ml.tables import MarkRow
from backend_ml.workshop import Workshop, open_workshop
from projects.kinds import registry
from projects.kit import database
from projects.kit.database import transaction
from projects.kit.label_studio import LabelStudioWriter
from tests.backend_ml.conftest import make_settings
from tests.backend_ml.corpus import messages

pytestmark = pytest.mark.live
LABELLED = 30


@pytest.fixture(params=["intent", "details"])
def workshop(
    request: pytest.FixtureRequest, live_production: LabelStudioWriter, tmp_path: Path
) -> Iterator[Workshop]:
    kind = registry.load(request.param)
    project = live_production.create_project(
        f"machine half, {kind.name}",
        label_config=kind.label_config,
        sampling="Uncertainty sampling",
    )
    rows = messages(60)
    data = [{"text": text, "heading": "", "context": ""} for text, _, _ in rows]
    ids = live_production.import_tasks(project.id, [{"data": one} for one in data])
    for task_id, one, (_, choice, spans) in list(zip(ids, data, rows, strict=True))[:LABELLED]:
        answer = choice if kind.form == "choice" else spans
        live_production.create_annotation(task_id, kind.write(answer, one))
    settings = make_settings(tmp_path, projects={int(project.id): kind.name}, batch_size=20)
    made = open_workshop(settings, studio=live_production)
    yield made
    for factory in (made.sessions, made.reading):
        factory.kw["bind"].dispose()


def test_labels_found_by_looking_become_the_queue_that_people_get(workshop: Workshop) -> None:
    (project_id,) = workshop.settings.projects
    studio = workshop.studio
    assert reconciling.reconcile(workshop, project_id) == 60
    with transaction(workshop.sessions) as session:
        assert session.get_one(MarkRow, project_id).wanted == LABELLED
    version = retraining.retrain(workshop, project_id, "live")
    assert version == f"{workshop.kind(project_id).name}-0001"
    assert publishing.publish(workshop, project_id) == 20
    assert publishing.publish(workshop, project_id) == 0
    assert studio.project(project_id).model_version == version
    scores = {
        task.id: prediction.confidence or 0.0
        for task in studio.tasks(project_id)
        for prediction in task.predictions
    }
    assert len(scores) == 20
    served = studio.request("GET", f"/api/projects/{project_id}/next")
    assert scores[served["id"]] == min(scores.values())
    assert [p["model_version"] for p in served["predictions"]] == [version]


def test_old_predictions_go_and_what_is_shown_stays(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project_id,) = workshop.settings.projects
    studio, kind = workshop.studio, workshop.kind(project_id)
    monkeypatch.setattr(pruning, "KEEP", 1)
    ahead = [timedelta(0)]
    workshop = replace(workshop, clock=lambda: database.now() + ahead[0])
    made = []
    for cause in ("one", "two"):
        reconciling.reconcile(workshop, project_id)
        ahead[0] += timedelta(minutes=1)
        made.append(retraining.retrain(workshop, project_id, f"{kind.name} {cause}"))
        publishing.publish(workshop, project_id)
        served = studio.request("GET", f"/api/projects/{project_id}/next")
        regions = served["predictions"][0]["result"]
        studio.create_annotation(served["id"], regions)
    assert made == [f"{kind.name}-0001", f"{kind.name}-0002"]
    assert pruning.prune(workshop, project_id) == 0
    ahead[0] += timedelta(hours=25)
    assert pruning.prune(workshop, project_id) == 20
    assert pruning.prune(workshop, project_id) == 0
    left = {p.model_version for task in studio.tasks(project_id) for p in task.predictions}
    assert left == {made[1]}
    assert studio.project(project_id).model_version == made[1]
    served = studio.request("GET", f"/api/projects/{project_id}/next")
    assert [p["model_version"] for p in served["predictions"]] == [made[1]]
