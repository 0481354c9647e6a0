"""The settings of the machine half, read once from the environment."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from projects.kinds import registry
from projects.kinds.base import HostedModel, Kind
from projects.kit import discovery
from projects.kit.errors import UnknownName

HOSTING = "label_studio_ml"
"""The learner that runs a user's own model: ``label_studio_ml:/path/model.py:Class``."""


class Settings(BaseSettings):
    """Every setting is ``BACKEND_ML_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="BACKEND_ML_")

    host: str = "127.0.0.1"
    port: int = Field(9090, ge=0, le=65535)
    state_dir: Path = Path(".understudy/backend_ml")
    database_url: str = ""
    label_studio_url: str = "http://127.0.0.1:8080"
    label_studio_token: SecretStr
    basic_user: str
    basic_password: SecretStr
    webhook_secret: SecretStr
    metrics_key: SecretStr | None = Field(default=None, min_length=16)
    """With it Prometheus may read ``/metrics``; Label Studio's own credential may as well."""
    projects: dict[int, str] = {}
    learners: dict[int, str] = {}
    host_python: str = ""
    host_predict_seconds: float = Field(10.0, gt=0)
    host_fit_seconds: float = Field(600.0, gt=0)
    embeddings: str = ""
    strategy: str = "adaptive"
    random_share: float = Field(0.1, ge=0, le=1)
    batch_size: int = Field(40, gt=0)
    low_water: int = Field(15, ge=0)
    abstain_below: float = Field(0.1, ge=0, le=1)
    min_new_labels: int = Field(10, ge=0)
    quiet_seconds: float = Field(3.0, gt=0)
    min_labels_to_serve: int = Field(20, ge=0)
    in_flight_seconds: float = Field(60.0, ge=0)
    reconcile_seconds: float = Field(10.0, gt=0)
    seed: int = Field(0, ge=0)
    tracking_url: str = ""
    """Where MLflow keeps runs and versions; ``none`` for nowhere."""
    fit_seconds: float = Field(600.0, gt=0)

    @model_validator(mode="after")
    def _check(self) -> Settings:
        unknown = sorted(set(self.projects.values()) - set(registry.names()))
        if unknown:
            raise ValueError(f"projects names unknown kinds {unknown}; known: {registry.names()}")
        for project_id, learner in self.learners.items():
            self._check_learner(project_id, learner)
        if not self.database_url:
            self.database_url = f"sqlite:///{self.state_dir / 'backend_ml.sqlite'}"
        if not self.tracking_url:
            self.tracking_url = f"sqlite:///{self.state_dir / 'mlflow.sqlite'}"
        return self

    def _check_learner(self, project_id: int, learner: str) -> None:
        """Raises ``ValueError`` with a sentence unless a project can have this learner."""
        here = f"learners, project {project_id}"
        kind = self.kind_of(project_id)
        if kind is None:
            raise ValueError(f"{here}: it is not in BACKEND_ML_PROJECTS")
        try:
            file = discovery.load(import_module("backend_ml.learners"), kind.learner)
        except UnknownName as error:
            raise ValueError(f"{here}: {error}") from error
        if kind.form not in file.FORMS:
            raise ValueError(f"{here}: {kind.learner} cannot give answers of the form {kind.form}")
        if kind.learner == HOSTING:
            if kind.hosted is None or not kind.hosted.name.isidentifier():
                raise ValueError(f"{here}: {HOSTING}:/path/to/model.py:ClassName is expected")
            if not kind.hosted.path.is_file():
                raise ValueError(f"{here}: there is no file {kind.hosted.path}")
        elif ":" in learner:
            raise ValueError(f"{here}: only {HOSTING} runs a file")

    @property
    def models_dir(self) -> Path:
        return self.state_dir / "models"

    def kind_of(self, project_id: int) -> Kind | None:
        """The kind of a Label Studio project, ``None`` when the project is not ours."""
        name = self.projects.get(project_id)
        if name is None:
            return None
        how = HostedModel("", self.host_python, self.host_predict_seconds, self.host_fit_seconds)
        return _kind(name, self.learners.get(project_id, ""), how)


@lru_cache(maxsize=1000)  # a kind reads its files when it is first asked
def _kind(name: str, choice: str, how: HostedModel) -> Kind:
    """A kind with the learner that was chosen for a project, which then has no rival.

    ``how`` says how a model of the user's own is run.
    """
    kind = registry.load(name)
    learner, _, place = choice.partition(":")
    if learner:
        hosted = HostedModel(place) if place else kind.hosted
        kind = replace(kind, learner=learner, challengers=(), hosted=hosted)
    if kind.hosted is None:
        return kind
    python = how.python or kind.hosted.python
    return replace(kind, hosted=replace(how, place=kind.hosted.place, python=python))


def forbid_telemetry() -> None:
    """Make sure that MLflow tells its makers nothing; to be called before it is imported."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[name] = "true"  # noqa: TID251 - the only way in which it can be told


def read_settings() -> Settings:
    """The settings of this process; ends it with a sentence per setting that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"BACKEND_ML_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False)
        ]
        raise SystemExit("\n".join(lines)) from None
