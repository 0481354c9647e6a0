"""The practice half on one database: its settings, its processes, its people and its tasks."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Json, Mark, Prediction, Project, as_answer
from sandbox_sync.app import LET_GO_SECONDS
from sandbox_sync.settings import Settings
from scripts.bench import servers
from scripts.bench.practice.studios import ADMIN, Editor, Studios

KIND = "intent"
KEY = "the-key-of-the-read-gateway"
METRICS_KEY = "the-key-of-who-reads-counts"
PRODUCTION_SECRET = "the-secret-of-production"
SANDBOX_SECRET = "the-secret-of-the-sandbox"
SLACK_TOKEN = "xoxb-test-token"
"""That the stand-in of Slack takes."""
PATIENCE_SECONDS = 120.0
WORDS = (
    "could we move the meeting about this quarter to Friday afternoon because the room at the "
    "station is taken and two of us arrive with the late train from the north so lunch at seven "
    "would be too early please tell me whether that works for you and the others"
).split()


class DidNotCome(PlatformError):
    """The product did not do in time what it should; its numbers mean nothing."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(what, seconds)
        self.what = what
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.what} did not come within {self.seconds:g} seconds."


def wait_until(
    ready: Callable[[], object],
    *,
    what: str,
    seconds: float = PATIENCE_SECONDS,
    pause: float = 0.1,
) -> None:
    """Look again and again.

    Raises
    ------
    DidNotCome
        When it takes longer.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise DidNotCome(what, seconds)
        time.sleep(pause)


@dataclass
class Place:
    """One practice half, on one database, behind a production project of its own."""

    studios: Studios
    folder: Path
    values: dict[str, Any]
    """Of :class:`Settings`."""
    project: Project
    worker: LabelStudioWriter
    """Who answers in production."""
    editor: Editor
    """The same, in a browser."""
    gateway_port: int
    seed: int
    """Of the texts."""
    trainees: dict[str, Editor] = field(default_factory=dict)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))
    published: int = 0
    """Batches so far."""

    @property
    def kind(self) -> Kind:
        return registry.load(KIND)

    @property
    def port(self) -> int:
        """Where the practice half listens."""
        return int(self.values["port"])

    @property
    def settings(self) -> Settings:
        """The same as its processes have."""
        return Settings(**self.values)

    @contextmanager
    def gateway(self) -> Iterator[None]:
        """The read-only gateway in front of production."""
        environment = {
            "READ_GATEWAY_PORT": str(self.gateway_port),
            "READ_GATEWAY_LABEL_STUDIO_URL": self.studios.production.url,
            "READ_GATEWAY_LABEL_STUDIO_TOKEN": self.studios.production.token,
            "READ_GATEWAY_KEY": KEY,
        }
        with _own("projects.kit.read_gateway", environment, self.gateway_port, self.folder):
            yield

    @contextmanager
    def running(self) -> Iterator[None]:
        """The gateway and the practice half, as ``understudy up`` starts them."""
        environment = {
            f"SANDBOX_SYNC_{name.upper()}": _text(value) for name, value in self.values.items()
        }
        with self.gateway(), _own("sandbox_sync", environment, self.port, self.folder):
            yield

    def hook(self, project_id: int) -> None:
        """Have a project of production tell us what happens, as ``understudy up`` does."""
        with self.studios.production.admin() as admin:
            admin.ensure_webhooks(
                project_id,
                f"{self.settings.public_url}/webhooks/production",
                headers={SECRET_HEADER: PRODUCTION_SECRET},
            )

    def publish(self, count: int, *, project_id: int | None = None) -> dict[int, str]:
        """A new batch with suggestions, published as the ML backend does; text by task.

        In the production project of the place, or in another one of the same kind.
        """
        number = self.project.id if project_id is None else project_id
        self.published += 1
        version = f"v{self.published}"
        texts = texts_of(count, seed=f"{self.seed}/{number}/{version}")
        with self.studios.production.admin() as admin:
            rows = [row_of(text) for text in texts]
            ids = admin.import_tasks(number, rows)
            guesses = [
                Prediction(task_id, version, 0.5, tuple(self.regions(0, row["data"])))
                for task_id, row in zip(ids, rows, strict=True)
            ]
            admin.push_predictions(number, guesses)
            admin.update_project(number, model_version=version)
        return dict(zip(ids, texts, strict=True))

    def regions(self, which: int, data: Json) -> list[Json]:
        """The answer that names one of the kind's labels."""
        label = self.kind.labels[which % len(self.kind.labels)]
        return list(self.kind.write(as_answer([Mark(self.kind.control, label)]), data))

    def row(self, task_id: int) -> Json:
        """A task of production as Label Studio tells it."""
        return self.worker.request("GET", f"/api/tasks/{task_id}/")

    def copies(self, email: str) -> dict[str, int]:
        """Sandbox task by text, of a trainee's copies that show their suggestion."""
        with self.studios.sandbox.admin() as admin:
            own = [project for project in admin.projects() if email in project.title]
            return {
                str(task.data["text"]): task.id
                for project in own
                for task in admin.tasks(project.id)
                if task.predictions
            }

    def unhandled(self) -> int:
        """Events on record that nobody has looked at yet."""
        allowed = {"Authorization": f"Bearer {METRICS_KEY}"}
        answer = self.http.get(f"http://127.0.0.1:{self.port}/health", headers=allowed)
        return int(answer.json()["unhandled_events"])

    def wait_until_quiet(self) -> None:
        """Until every event has been looked at; one is recorded after it is acknowledged."""
        time.sleep(3 * LET_GO_SECONDS)
        wait_until(lambda: self.unhandled() == 0, what="the end of all events", pause=0.05)

    def close(self) -> None:
        """Give the connections back."""
        for editor in (self.editor, *self.trainees.values()):
            editor.close()
        self.worker.close()
        self.http.close()


@contextmanager
def a_place(
    studios: Studios,
    folder: Path,
    database_url: str,
    *,
    people: Sequence[str],
    seed: int,
    **settings: Any,
) -> Iterator[Place]:
    """A place with a production project, a worker and these trainees; nothing runs yet."""
    folder.mkdir(parents=True)
    kind = registry.load(KIND)
    with studios.production.admin() as admin:
        project = admin.create_project(
            f"{kind.title} {folder.name}"[:50],
            label_config=kind.label_config,
            expert_instruction="Say what the sender wants.",
            sampling="Uncertainty sampling",
        )
    email = f"worker-{project.id}@example.com"
    worker = studios.production.sign_up(email)
    port, gateway_port = servers.free_port(), servers.free_port()
    values: dict[str, Any] = {
        "port": port,
        "state_dir": folder,
        "database_url": database_url,
        "production_url": f"http://127.0.0.1:{gateway_port}",
        "production_key": KEY,
        "production_webhook_secret": PRODUCTION_SECRET,
        "sandbox_url": studios.sandbox.url,
        "sandbox_token": studios.sandbox.token,
        "sandbox_webhook_secret": SANDBOX_SECRET,
        "session_secret": "s" * 32,
        "metrics_key": METRICS_KEY,
        "projects": {project.id: KIND},
        "public_url": f"http://127.0.0.1:{port}",
        "trainers": [ADMIN, *studios.known],
    }
    place = Place(
        studios=studios,
        folder=folder,
        values=values | settings,
        project=project,
        worker=studios.production.writer(worker),
        editor=studios.production.editor(email),
        gateway_port=gateway_port,
        seed=seed,
    )
    try:
        for email in people:
            studios.sandbox.sign_up(email)
            place.trainees[email] = studios.sandbox.editor(email)
            studios.known.append(email)
        yield place
    finally:
        place.close()


def row_of(text: str) -> Json:
    """A task of production, with all that its labelling config shows."""
    heading = {"heading": "A meeting", "byline": "from Kim, Monday", "subject": "A meeting"}
    return {"data": {"text": text, "context": "<section>Nothing else.</section>", **heading}}


def texts_of(count: int, *, seed: str) -> list[str]:
    """Messages of some thirty words, no two alike."""
    chance = random.Random(seed)
    return [f"{' '.join(chance.choices(WORDS, k=30))} ({seed}, {n})" for n in range(count)]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


@contextmanager
def _own(module: str, environment: dict[str, str], port: int, folder: Path) -> Iterator[None]:
    command, log = [sys.executable, "-m", module], folder / f"{module}.log"
    health = f"http://127.0.0.1:{port}/health"
    with servers.running(module, command, environment, log=log, health_url=health):
        yield
