"""The settings of the machine half, read once from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from projects.kinds import registry
from projects.kinds.base import Kind


class Settings(BaseSettings):
    """Every setting is ``BACKEND_ML_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="BACKEND_ML_")

    host: str = "127.0.0.1"
    port: int = 9090
    state_dir: Path = Path(".understudy/backend_ml")
    database_url: str = ""
    label_studio_url: str = "http://127.0.0.1:8080"
    label_studio_token: SecretStr
    basic_user: str
    basic_password: SecretStr
    webhook_secret: SecretStr
    projects: dict[int, str] = {}
    strategy: str = "margin"
    random_share: float = 0.1
    batch_size: int = 40
    low_water: int = 15
    min_new_labels: int = 10
    quiet_seconds: float = 3.0
    min_labels_to_serve: int = 20
    in_flight_seconds: float = 60.0
    reconcile_seconds: float = 10.0
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if not 0.0 <= self.random_share <= 1.0:
            raise ValueError(f"random_share is a share in [0, 1], got {self.random_share}")
        unknown = sorted(set(self.projects.values()) - set(registry.names()))
        if unknown:
            raise ValueError(f"projects names unknown kinds {unknown}; known: {registry.names()}")
        if not self.database_url:
            self.database_url = f"sqlite:///{self.state_dir / 'backend_ml.sqlite'}"
        return self

    @property
    def models_dir(self) -> Path:
        return self.state_dir / "models"

    def kind_of(self, project_id: int) -> Kind | None:
        """The kind of a Label Studio project, ``None`` when the project is not ours."""
        name = self.projects.get(project_id)
        return None if name is None else registry.load(name)


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
