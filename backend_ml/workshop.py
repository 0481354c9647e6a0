"""What the background work needs to do its work, made once and passed by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from backend_ml.fitting import Fitter, Here
from backend_ml.model_store import ModelStore
from backend_ml.semantics import Semantics
from backend_ml.settings import Settings
from backend_ml.tables import MIGRATIONS, ProjectRow
from projects.kinds.base import Kind
from projects.kit import database
from projects.kit.database import Sessions
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter


class UnknownProject(PlatformError):
    """Background work names a project that the settings do not (any more)."""

    status = 404

    def __init__(self, project_id: int) -> None:
        super().__init__(project_id)
        self.project_id = project_id

    def __str__(self) -> str:
        return f"Project {self.project_id} is not in BACKEND_ML_PROJECTS."


@dataclass(frozen=True)
class Workshop:
    """The settings, the database, the models and Label Studio."""

    settings: Settings
    sessions: Sessions
    reading: Sessions
    """Sessions that only look; on SQLite they never wait for a writer."""
    store: ModelStore
    studio: LabelStudioWriter
    fitter: Fitter = Here()  # noqa: RUF009 - it has no state
    """Who fits: this process, or in a worker one that may be ended."""
    clock: Callable[[], datetime] = database.now
    semantics: Semantics = field(default_factory=Semantics)
    """Of each project's texts, kept from batch to batch."""

    def kind(self, project_id: int) -> Kind:
        """The kind of a project, with the labels that people see there now.

        Under a config that it cannot answer, the kind as it is in its folder.
        Raises :class:`UnknownProject`.
        """
        kind = self.settings.kind_of(project_id)
        if kind is None:
            raise UnknownProject(project_id)
        with self.reading() as session:
            row = session.get(ProjectRow, project_id)
        if row is None or not row.config or row.config_problem is not None:
            return kind
        return _under(kind, row.config)


@lru_cache(maxsize=64)
def _under(kind: Kind, config: str) -> Kind:
    """The kind under a config; made once, as reading a config takes its time."""
    return kind.with_config(config)


def open_workshop(settings: Settings, *, studio: LabelStudioWriter | None = None) -> Workshop:
    """A workshop on a migrated database."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    database.migrate(settings.database_url, MIGRATIONS)
    writer = studio or LabelStudioWriter(
        settings.label_studio_url, settings.label_studio_token.get_secret_value()
    )
    return Workshop(
        settings=settings,
        sessions=database.sessions(database.make_engine(settings.database_url)),
        reading=database.sessions(database.make_engine(settings.database_url, immediate=False)),
        store=ModelStore(settings.models_dir),
        studio=writer,
    )
