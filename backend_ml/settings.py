"""The settings of the machine half, read once from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from projects.kinds import registry
from projects.kinds.base import Kind


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
    projects: dict[int, str] = {}
    strategy: str = "margin"
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

    @model_validator(mode="after")
    def _check(self) -> Settings:
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
