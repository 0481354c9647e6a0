"""A workshop on a fake Label Studio, with two projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.orm import Session

from backend_ml import digesting, events, reconciling, retraining
from backend_ml.settings import Settings
from backend_ml.tables import MIGRATIONS
from backend_ml.workshop import Workshop, open_workshop
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit import database
from projects.kit.database import transaction
from tests.backend_ml.corpus import messages
from tests.fakes.label_studio import FakeLabelStudio

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that moves when told, and a little at every look."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Desk:
    """One production project of one kind, a workshop for it, and the true answers."""

    fake: FakeLabelStudio
    workshop: Workshop
    clock: Clock
    kind: Kind
    project_id: int
    task_ids: list[int]

    def answer(self, count: int, *, first: int = 0) -> None:
        """Submit the true answers of ``count`` tasks, in the order of import."""
        for position in range(first, first + count):
            self.answer_task(self.task_ids[position])

    def answer_task(self, task_id: int) -> None:
        text, choice, spans = messages(len(self.task_ids))[self.task_ids.index(task_id)]
        answer = choice if self.kind.form == "choice" else spans
        self.workshop.studio.create_annotation(task_id, self.kind.write(answer, {"text": text}))

    def listen(self) -> None:
        """From now on every webhook call is digested at once."""
        self.fake.deliver = lambda _url, _headers, body: self._digest(body)
        self.workshop.studio.ensure_webhook(self.project_id, "http://backend.test/", headers={})

    def _digest(self, body: dict[str, Any]) -> None:
        heard = events.read(body, self.kind)
        if heard is None:
            return
        with transaction(self.workshop.sessions) as session:
            events.record_once(session, heard, now=self.clock())
        digesting.digest(self.workshop, self.project_id)

    def hear(self) -> None:
        """Bring the label store up to date, as the periodic look does."""
        reconciling.reconcile(self.workshop, self.project_id)

    def train(self, cause: str) -> str | None:
        self.clock.forward(60)
        return retraining.retrain(self.workshop, self.project_id, cause)

    def stored(self) -> list[tuple[int, str]]:
        """Every (task, version) that Label Studio has a prediction for, repetitions included."""
        return sorted(
            (task.id, prediction.model_version)
            for task in self.workshop.studio.tasks(self.project_id)
            for prediction in task.predictions
        )


def make_settings(folder: Path, database_url: str = "", **changes: object) -> Settings:
    """Settings for tests; the secrets are ``user``, ``password`` and ``secret``."""
    settings = Settings(
        state_dir=folder,
        database_url=database_url,
        label_studio_token=SecretStr("token"),
        basic_user="user",
        basic_password=SecretStr("password"),
        webhook_secret=SecretStr("secret"),
        in_flight_seconds=0,
        tracking_url="none",
    )
    return settings.model_copy(update=changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Of an empty, migrated database."""
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    database.migrate(url, MIGRATIONS)
    engine = database.make_engine(url)
    with database.sessions(engine)() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def make_desk(
    tmp_path: Path, clock: Clock, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Desk]]:
    made: list[Workshop] = []

    def make(
        kind_name: str = "intent", *, tasks: int = 120, database_url: str = "", **changes: object
    ) -> Desk:
        fake = FakeLabelStudio(clock=clock)
        kind = registry.load(kind_name)
        writer = fake.writer()
        project = writer.create_project(kind.title, label_config=kind.label_config)
        rows = [
            {"data": {"text": text, "heading": "", "context": ""}} for text, _, _ in messages(tasks)
        ]
        ids = writer.import_tasks(project.id, rows) if rows else []
        settings = make_settings(
            tmp_path, database_url, projects={int(project.id): kind_name}, **changes
        )
        workshop = replace(open_workshop(settings, studio=writer), clock=clock)
        made.append(workshop)
        return Desk(fake, workshop, clock, kind, int(project.id), ids)

    yield make
    for workshop in made:
        for factory in (workshop.sessions, workshop.reading):
            factory.kw["bind"].dispose()
