"""What MLflow is told: the only file that imports it.

A mirror: our tables decide, and MLflow being away delays nothing but the mirror,
which catches up. One thing comes back: who moves the alias ``champion`` to another
of our versions there lets that one serve here, pinned.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import model_store, promotion, random_arm, settings, training
from backend_ml.learners.base import ModelUnreadable
from backend_ml.promotion import UnknownVersion, VersionGone
from backend_ml.tables import LabelRow, VersionRow
from backend_ml.workshop import Workshop
from projects.kinds.base import Kind
from projects.kit import intervals, logs
from projects.kit.database import transaction
from projects.kit.intervals import Estimate
from projects.vocabulary import answer_from_json

ALIAS = "champion"
VERSION = "understudy.version"
STATE = "understudy.state"
REASON = "understudy.reason"
SERVING = "understudy.champion"
"""Tag of a registered model: the version to which we moved the alias last."""
PAGE = 1000

log = logs.get(__name__)


class Mirror:
    """Keeps MLflow's runs and registry as our tables are."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._client: Any = None
        self._shown: dict[int, object] = {}
        """What each project was like when MLflow was last brought up to date."""

    def look(self, project_id: int) -> None:
        """Tell MLflow what is new in a project, and hear whether the alias was moved."""
        kind = self._workshop.kind(project_id)
        with self._workshop.reading() as session:
            rows = session.scalars(
                sa.select(VersionRow)
                .where(VersionRow.project_id == project_id)
                .order_by(VersionRow.number)
            ).all()
            live = live_accuracy(session, project_id, kind)
        if not rows:
            return
        now = ([(row.id, row.state, row.reason) for row in rows], live)
        if self._shown.get(project_id) != now:
            self._tell(project_id, kind, rows, live)
            self._shown[project_id] = now
        if any(self._workshop.store.folder(row).is_dir() for row in rows):
            self._follow_alias(project_id, rows)

    @property
    def client(self) -> Any:
        """The connection; MLflow takes seconds to import, so only when there is something."""
        if self._client is None:
            self._client = connect(self._workshop.settings.tracking_url)
        return self._client

    def _tell(
        self,
        project_id: int,
        kind: Kind,
        rows: Sequence[VersionRow],
        live: Mapping[str, Estimate],
    ) -> None:
        name = model_name(project_id)
        experiment = self._experiment(name)
        runs = self._runs(experiment)
        models = self._models(name, kind)
        for row in rows:
            run = runs.get(row.name)
            if run is None:
                run = self._create_run(experiment, row, kind)
            self._bring_up_to_date(run, row, live.get(row.name))
            folder = self._workshop.store.folder(row)
            if row.name not in models and folder.is_dir():
                self.client.create_model_version(
                    name,
                    source=self._source(str(folder)),
                    run_id=run.info.run_id,
                    tags={VERSION: row.name},
                )
            if row.tracked != run.info.run_id:
                with transaction(self._workshop.sessions) as session:
                    session.get_one(VersionRow, row.id).tracked = run.info.run_id

    def _source(self, folder: str) -> str:
        """A server refuses paths of another machine as such."""
        away = self._workshop.settings.tracking_url.startswith("http")
        return f"understudy:{folder}" if away else f"file://{folder}"

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        root = self._workshop.settings.state_dir.resolve() / "mlflow" / name
        return str(self.client.create_experiment(name, artifact_location=root.as_uri()))

    def _runs(self, experiment: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = None
        while True:
            page = self.client.search_runs([experiment], max_results=PAGE, page_token=token)
            found |= {run.data.tags.get(VERSION, ""): run for run in page}
            token = page.token
            if not token:
                return found

    def _models(self, name: str, kind: Kind) -> dict[str, str]:
        """MLflow's number of each of our versions; the registered model is made if missing."""
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name, description=kind.title)
        found: dict[str, str] = {}
        token = None
        while True:
            page = self.client.search_model_versions(
                f"name = '{name}'", max_results=PAGE, page_token=token
            )
            found |= {str(one.tags.get(VERSION, "")): str(one.version) for one in page}
            token = page.token
            if not token:
                return found

    def _create_run(self, experiment: str, row: VersionRow, kind: Kind) -> Any:
        begun = int((row.created_at.timestamp() - row.seconds) * 1000)
        tags = {VERSION: row.name, "understudy.project": str(row.project_id)}
        run = self.client.create_run(experiment, start_time=begun, tags=tags, run_name=row.name)
        run_id = run.info.run_id
        for key, value in self._params(row, kind).items():
            self.client.log_param(run_id, key, value)
        for key, number in metrics(row).items():
            self.client.log_metric(run_id, key, number)
        self.client.set_terminated(run_id, end_time=int(row.created_at.timestamp() * 1000))
        return run

    def _params(self, row: VersionRow, kind: Kind) -> dict[str, object]:
        return {
            "learner": row.learner,
            "kind": row.kind,
            "labels": row.labels,
            "trained_on": row.trained_on,
            "full_fit_labels": row.full_fit_labels,
            "seed": self._workshop.settings.seed,
            "config": hashlib.sha256(kind.label_config.encode()).hexdigest()[:12],
        }

    def _bring_up_to_date(self, run: Any, row: VersionRow, live: Estimate | None) -> None:
        for key, value in ((STATE, row.state), (REASON, row.reason)):
            if run.data.tags.get(key) != value:
                self.client.set_tag(run.info.run_id, key, value)
        if live is not None and run.data.metrics.get("live_accuracy") != live.value:
            for key, number in _with_interval("live_accuracy", live).items():
                self.client.log_metric(run.info.run_id, key, number, step=live.n)

    def _follow_alias(self, project_id: int, rows: Sequence[VersionRow]) -> None:
        """Move the alias to what serves; where a person moved it, let that serve."""
        name = model_name(project_id)
        model = self.client.get_registered_model(name)
        there = model.aliases.get(ALIAS)
        pointed = ""
        if there is not None:
            pointed = self.client.get_model_version(name, str(there)).tags.get(VERSION, "")
        serving = next((row.name for row in rows if row.state == model_store.CHAMPION), "")
        if there is not None and pointed not in (serving, model.tags.get(SERVING)):
            serving = self._obey(project_id, pointed) or serving
        if not serving:
            return
        if pointed != serving:
            number = self._models(name, self._workshop.kind(project_id)).get(serving)
            if number is None:
                return
            self.client.set_registered_model_alias(name, ALIAS, number)
        if model.tags.get(SERVING) != serving:
            self.client.set_registered_model_tag(name, SERVING, serving)

    def _obey(self, project_id: int, version: str) -> str | None:
        """Let the version serve that a person chose in MLflow; ``None`` if it cannot."""
        try:
            row = promotion.promote(
                self._workshop, version, pin=True, project_id=project_id, why="Chosen in MLflow."
            )
        except (UnknownVersion, VersionGone, ModelUnreadable) as error:
            log.warning("alias.refused", project=project_id, error=type(error).__name__)
            return None
        return row.name


def connect(url: str) -> Any:
    """A client of the tracking server or database at ``url``; nothing is sent anywhere else."""
    settings.forbid_telemetry()
    from mlflow.tracking import MlflowClient, set_registry_uri, set_tracking_uri

    # A client asks the default place now and then too, and would make a database there.
    set_tracking_uri(url)
    set_registry_uri(url)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=url, registry_uri=url)


def model_name(project_id: int) -> str:
    """Under which a project is an experiment and a registered model."""
    return f"understudy-{project_id}"


def metrics(row: VersionRow) -> dict[str, float]:
    """What was measured of a version; what is undefined is left out."""
    found = {
        "held_out": row.held_out,
        "held_out_low": row.held_out_low,
        "held_out_high": row.held_out_high,
        "calibration_error": row.calibration_error,
        "calibration_error_low": row.calibration_error_low,
        "calibration_error_high": row.calibration_error_high,
        "seconds": row.seconds,
    }
    return {key: value for key, value in found.items() if value is not None}


def live_accuracy(session: Session, project_id: int, kind: Kind) -> dict[str, Estimate]:
    """By version: its suggestions in the random arm against the answers they met."""
    query = sa.select(LabelRow).where(random_arm.seen(project_id))
    metric = training.metric_of(kind)
    values: dict[str, list[float]] = {}
    for row in session.scalars(query.order_by(LabelRow.created_at)):
        suggested = answer_from_json(row.suggested_answer or [])
        agreed = training.closeness(metric, answer_from_json(row.answer), suggested)
        values.setdefault(row.suggested_version or "", []).append(agreed)
    found = {name: intervals.mean(numbers) for name, numbers in values.items()}
    return {name: one for name, one in found.items() if one is not None}


def _with_interval(key: str, estimate: Estimate) -> dict[str, float]:
    return {key: estimate.value, f"{key}_low": estimate.low, f"{key}_high": estimate.high}
