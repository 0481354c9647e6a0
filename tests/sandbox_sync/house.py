"""Two fake Label Studios and the practice half between them, driven by hand."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient
from sqlalchemy import event as sa_event
from sqlalchemy.orm import Session

from projects.kinds import registry
from projects.kit import database
from projects.kit.engine import Lane
from projects.kit.errors import PlatformError
from projects.vocabulary import Answer, Json, Mark, Prediction, as_answer
from sandbox_sync.app import MIGRATIONS, Parts, create_app
from sandbox_sync.db import queries
from sandbox_sync.settings import Settings
from sandbox_sync.workflows.deliver import deliver
from sandbox_sync.workflows.handle_event import handle
from sandbox_sync.workflows.reconcile import Reconciler
from sandbox_sync.workflows.room import Room
from sandbox_sync.workflows.tend_lane import bring_project, bring_queue
from tests.fakes.label_studio import FakeLabelStudio
from tests.fakes.label_studio.server import deliver_to

ADMIN = "admin@example.com"
ADA, BEN = "ada@example.com", "ben@example.com"
PRODUCTION_SECRET, SANDBOX_SECRET = "production-secret", "secret-of-the-sandbox"
METRICS_KEY = "key-of-the-operator"
OPERATOR = {"authorization": f"Bearer {METRICS_KEY}"}
HOOK = "http://sync.test/webhooks/production"
INTENT, DETAILS = registry.load("intent"), registry.load("details")


class HandAcceptor:
    """The engine's acceptance without the engine: work waits until it is drained."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.waiting: list[tuple[str, tuple[Any, ...]]] = []

    def accept(
        self,
        session: Session,
        lane: Lane,
        workflow_name: str,
        *args: Any,
        key: str,
        lane_key: str | None = None,
    ) -> bool:
        if lane.one_per_key != (lane_key is not None):
            raise ValueError(lane.name)
        if key in self.keys:
            return False
        self.keys.add(key)

        def committed(_: Session) -> None:
            self.waiting.append((workflow_name, args))

        sa_event.listen(session, "after_commit", committed, once=True)
        return True

    def close(self) -> None:
        return


@dataclass
class House:
    """One test's world."""

    production: FakeLabelStudio
    sandbox: FakeLabelStudio
    settings: Settings
    acceptor: HandAcceptor
    client: TestClient
    projects: dict[str, int]
    failures: list[PlatformError] = field(default_factory=list)

    @property
    def room(self) -> Room:
        found: Room = self.client.app.state.room  # type: ignore[attr-defined]
        return found

    def publish(self, kind: str, texts: Sequence[str], *, version: str = "v1") -> list[int]:
        """New production tasks that carry a prediction of the project's version."""
        writer = self.production.writer()
        ids = self.add(kind, texts)
        shown = registry.load(kind)
        guess = suggestion(kind)
        writer.push_predictions(
            self.projects[kind],
            [
                Prediction(number, version, 0.4, tuple(shown.write(guess, {"text": text})))
                for number, text in zip(ids, texts, strict=True)
            ],
        )
        writer.update_project(self.projects[kind], model_version=version)
        return ids

    def add(self, kind: str, texts: Sequence[str]) -> list[int]:
        """New production tasks that nobody is served yet."""
        rows: list[Json] = [
            {"data": {"text": text, "heading": "", "context": "", "subject": "Lunch"}}
            for text in texts
        ]
        return self.production.writer().import_tasks(self.projects[kind], rows)

    def answer(self, kind: str, task_id: int, answer: Answer) -> int:
        """Production answers."""
        writer = self.production.writer()
        regions = registry.load(kind).write(answer, writer.task(task_id).data)
        return writer.create_annotation(task_id, regions).id

    def clone_of(self, email: str, task_id: int) -> int:
        """The sandbox task that is this trainee's copy of a production task."""
        text = self.production.store.tasks[task_id].data["text"]
        owned = [p.id for p in self.sandbox.store.projects.values() if email in p.fields["title"]]
        found = [
            t.id
            for t in self.sandbox.store.tasks.values()
            if t.project in owned and t.data["text"] == text
        ]
        assert len(found) == 1, (email, text, found)
        return found[0]

    def practise(self, email: str, kind: str, task_id: int, answer: Answer) -> int:
        """A trainee answers their copy."""
        token = next(u.token for u in self.sandbox.store.users.values() if u.email == email)
        clone = self.clone_of(email, task_id)
        data = self.sandbox.store.tasks[clone].data
        regions = registry.load(kind).write(answer, data)
        return self.sandbox.writer(token).create_annotation(clone, regions).id

    def drain(self, *, except_for: str = "") -> None:
        """Run everything that was accepted; what fails stays undone, as in the engine."""
        while todo := [work for work in self.acceptor.waiting if work[0] != except_for]:
            self.acceptor.waiting.remove(todo[0])
            name, args = todo[0]
            try:
                run_workflow(self.room, name, args)
            except PlatformError as error:
                self.failures.append(error)

    def reconcile(self, *, passes: int = 2) -> None:
        """As much as some seconds of running do: the second pass sees the first one's work."""
        reconciler = Reconciler(self.room)
        for _ in range(passes):
            reconciler()
            self.drain()

    def summary(self) -> dict[str, Any]:
        with self.room.transaction() as session:
            return queries.summary(session)

    def outbox(self) -> list[tuple[str, str]]:
        """E-mail and text of every message."""
        from sandbox_sync.db.tables import OutboxMessage

        with self.room.transaction() as session:
            return [(m.email, m.text) for m in session.query(OutboxMessage).order_by("stored_at")]


def run_workflow(room: Room, name: str, args: tuple[Any, ...]) -> None:
    if name == "tend_lane":
        bring_project(room, *args)
        bring_queue(room, *args)
    elif name == "handle_event":
        handle(room, *args)
    else:
        assert name == "deliver"
        deliver(room, *args)


def suggestion(kind: str) -> Answer:
    return choice(INTENT.labels[0]) if kind == "intent" else ()


def choice(label: str) -> Answer:
    return as_answer([Mark("intent", label)])


def spans(*marks: tuple[str, int, int]) -> Answer:
    return as_answer([Mark("details", label, start, end) for label, start, end in marks])


def make_settings(folder: Path, projects: dict[int, str], **more: Any) -> Settings:
    values: dict[str, Any] = {
        "state_dir": folder,
        "production_url": "http://label-studio.test",
        "production_key": "unused",
        "production_webhook_secret": PRODUCTION_SECRET,
        "sandbox_url": "http://label-studio.test",
        "sandbox_token": "unused",
        "sandbox_webhook_secret": SANDBOX_SECRET,
        "session_secret": "s" * 32,
        "metrics_key": METRICS_KEY,
        "projects": projects,
        "public_url": "http://sync.test",
        "trainers": [ADMIN],
        "queue_depth": 10,
        "in_flight_seconds": 0,
    }
    return Settings(**(values | more))


@cache
def migrated() -> Path:
    """An empty database with all tables, to be copied: migrating takes half a second."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database.migrate(f"sqlite:///{folder / 'empty.sqlite'}", MIGRATIONS)
    return folder / "empty.sqlite"


@contextmanager
def running_house(
    folder: Path,
    *,
    hooks: bool = True,
    engine: bool = False,
    sign_in: httpx.BaseTransport | None = None,
    **more: Any,
) -> Iterator[House]:
    """Production with both kinds, a sandbox with two trainees, and the app.

    Without ``engine``, what was accepted runs when the test drains it.
    """
    production, sandbox = FakeLabelStudio(), FakeLabelStudio()
    for email in (ADA, BEN):
        sandbox.add_user(email)
    writer = production.writer()
    projects: dict[str, int] = {}
    for kind in (INTENT, DETAILS):
        made = writer.create_project(
            kind.title,
            label_config=kind.label_config,
            expert_instruction="How to answer.",
            sampling="Uncertainty sampling",
        )
        projects[kind.name] = made.id
        writer.ensure_webhooks(made.id, HOOK, headers={"X-Understudy-Secret": PRODUCTION_SECRET})
    settings = make_settings(
        folder,
        {number: name for name, number in projects.items()},
        production_key=production.token,
        sandbox_token=sandbox.token,
        **more,
    )
    if not settings.database_url and not (folder / "sandbox_sync.sqlite").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated(), folder / "sandbox_sync.sqlite")
    acceptor = HandAcceptor()
    parts = Parts(
        production_http=production.client(),
        sandbox_http=sandbox.client(),
        acceptor=None if engine else acceptor,
        runs_engine=engine,
        sign_in_transport=sign_in,
    )
    app, here = create_app(settings, parts=parts), ("127.0.0.1", 50_000)
    with TestClient(app, base_url="http://sync.test", client=here) as client:
        if hooks:
            production.deliver = sandbox.deliver = deliver_to(client)
        yield House(production, sandbox, settings, acceptor, client, projects)
