"""Our own two processes on a state folder that is filled beforehand."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from backend_ml import training
from backend_ml.learners.base import Learner
from backend_ml.model_store import Facts
from backend_ml.settings import Settings
from backend_ml.tables import (
    AnnotationRow,
    LabelRow,
    LookRow,
    MarkRow,
    ProjectRow,
    TaskRow,
    VersionRow,
)
from backend_ml.workshop import Workshop, open_workshop
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit.database import now, transaction
from projects.kit.web import SECRET_HEADER
from projects.vocabulary import Mark, answer_to_json
from scripts.bench import servers
from scripts.bench.datasets import config_for

PROJECT = 1
KIND = "intent"
USER, PASSWORD, SECRET = "label-studio", "benchmark-password", "benchmark-secret"
CHUNK = 2_000
WORKER_READY = "worker.started"
"""The worker logs this once it looks at its project."""


@dataclass(frozen=True)
class Ours:
    """Where our processes keep their state and listen."""

    folder: Path
    port: int
    studio_url: str
    labels: tuple[str, ...]
    """That the project's labelling config offers."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credential(self) -> str:
        """The Basic credential that Label Studio sends."""
        return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    @property
    def config(self) -> str:
        return config_for("choice", self.labels, control=registry.load(KIND).control)

    @property
    def kind(self) -> Kind:
        """The kind as the product sees it in this project."""
        return registry.load(KIND).with_config(self.config)

    def settings(self) -> Settings:
        return Settings(
            port=self.port,
            state_dir=self.folder,
            label_studio_url=self.studio_url,
            label_studio_token=SecretStr("benchmark-token"),
            basic_user=USER,
            basic_password=SecretStr(PASSWORD),
            webhook_secret=SecretStr(SECRET),
            projects={PROJECT: KIND},
        )

    @contextlib.contextmanager
    def web(self) -> Iterator[subprocess.Popen[bytes]]:
        """``python -m backend_ml``, as ``understudy up`` starts it."""
        health = f"{self.url}/health"
        with self._running("backend_ml", health) as process:
            yield process

    @contextlib.contextmanager
    def worker(self, more: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """``python -m backend_ml.worker``, with ``more`` in its environment."""
        log = self.folder / "backend_ml.worker.log"
        seen = log.stat().st_size if log.exists() else 0
        with self._running("backend_ml.worker", None, more) as process:
            servers.wait_for_line("backend_ml.worker", process, log, WORKER_READY, seen)
            yield process

    def version(self) -> str:
        """The version that the web process serves now, as Label Studio asks for it."""
        body = {"project": f"{PROJECT}.1767225600", "schema": self.config}
        answer = httpx.post(
            f"{self.url}/setup",
            json=body,
            headers={"Authorization": f"Basic {self.credential}"},
            timeout=10,
            trust_env=False,
        )
        answer.raise_for_status()
        return str(answer.json()["model_version"])

    def start_training(self) -> None:
        """What *Start Training* in Label Studio sends."""
        self._post({"action": "START_TRAINING", "project": {"id": PROJECT}}, secret=False)

    def tell(self, event: dict[str, object]) -> None:
        """Deliver a webhook call."""
        self._post(event, secret=True)

    def _post(self, body: dict[str, object], *, secret: bool) -> None:
        headers = (
            {SECRET_HEADER: SECRET} if secret else {"Authorization": f"Basic {self.credential}"}
        )
        answer = httpx.post(
            f"{self.url}/webhook", json=body, headers=headers, timeout=60, trust_env=False
        )
        answer.raise_for_status()

    def _running(
        self, module: str, health: str | None, more: Mapping[str, str] | None = None
    ) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        environment = {
            "BACKEND_ML_PORT": str(self.port),
            "BACKEND_ML_STATE_DIR": str(self.folder),
            "BACKEND_ML_LABEL_STUDIO_URL": self.studio_url,
            "BACKEND_ML_LABEL_STUDIO_TOKEN": "benchmark-token",
            "BACKEND_ML_BASIC_USER": USER,
            "BACKEND_ML_BASIC_PASSWORD": PASSWORD,
            "BACKEND_ML_WEBHOOK_SECRET": SECRET,
            "BACKEND_ML_PROJECTS": json.dumps({str(PROJECT): KIND}),
            "BACKEND_ML_ABSTAIN_BELOW": "0",  # every answer is written, as the peer writes it
        }
        command = [sys.executable, "-m", module]
        log = self.folder / f"{module}.log"
        return servers.running(
            module, command, {**environment, **(more or {})}, log=log, health_url=health
        )


def learnable(labels: int, most: int) -> list[int]:
    """Places of at most so many of the first labels, none that the product measures with."""
    places = range(labels)
    return [i for i in places if not training.is_held_out(PROJECT, i + 1)][:most]


def champion(workshop: Workshop, kind: Kind, learner: Learner, *, labels: int) -> None:
    """Let this learner serve, as a training would have."""
    facts = Facts(
        cause=f"benchmark-{labels}",
        learner=kind.learner,
        labels=labels,
        trained_on=labels,
        held_out=None,
        seconds=0.0,
        first_change_at=None,
        last_change_at=None,
    )
    staged = workshop.store.stage(learner, PROJECT)
    with transaction(workshop.sessions) as session:
        workshop.store.add(session, staged, PROJECT, kind, facts=facts, promote=True, now=now())


def prepare(
    ours: Ours, texts: Sequence[str], labels: Sequence[str | None], learner: Learner
) -> Workshop:
    """A migrated database with a project, its tasks and accepted labels, and a serving model.

    Task ``i + 1`` has the text ``texts[i]``; it is open where ``labels[i]`` is ``None``.
    """
    workshop = open_workshop(ours.settings())
    known = sum(label is not None for label in labels)
    with transaction(workshop.sessions) as session:
        for first in range(0, len(texts), CHUNK):
            part = range(first, min(first + CHUNK, len(texts)))
            _insert(session.connection(), ours, part, texts, labels)
        moment = now() - timedelta(seconds=1)
        session.add(ProjectRow(project_id=PROJECT, config=ours.config, overlap=1))
        session.add(
            MarkRow(project_id=PROJECT, wanted=known, trained=known, forced=0, forced_done=0)
        )
        session.add(LookRow(project_id=PROJECT, looked_at=moment, looks=1, config=ours.config))
    champion(workshop, ours.kind, learner, labels=known)
    return workshop


def versions(workshop: Workshop) -> list[VersionRow]:
    """Every version that was trained, the newest first."""
    query = sa.select(VersionRow).where(VersionRow.project_id == PROJECT)
    with workshop.reading() as session:
        return list(session.scalars(query.order_by(VersionRow.number.desc())))


def is_waiting_for_a_model(workshop: Workshop) -> bool:
    """Whether there are labels that no training has looked at."""
    with workshop.reading() as session:
        mark = session.get(MarkRow, PROJECT)
        return mark is not None and mark.wanted > mark.trained


def training_is_asked_for(workshop: Workshop) -> bool:
    """Whether a training was asked for and has not ended."""
    with workshop.reading() as session:
        mark = session.get(MarkRow, PROJECT)
        return mark is not None and mark.forced > mark.forced_done


def _insert(
    connection: sa.Connection,
    ours: Ours,
    part: range,
    texts: Sequence[str],
    labels: Sequence[str | None],
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ids = {"project_id": PROJECT}
    tasks = [
        {**ids, "task_id": i + 1, "text": texts[i], "seen_at": moment, "deleted": False}
        for i in part
    ]
    connection.execute(sa.insert(TaskRow), tasks)
    answered = [(i + 1, _answer(ours, label)) for i in part if (label := labels[i]) is not None]
    if not answered:
        return
    shared = {
        **ids, "created_at": moment, "updated_at": moment, "completed_by": 1,
        "lead_time_seconds": 3.0, "ground_truth": False,
    }  # fmt: skip
    connection.execute(
        sa.insert(AnnotationRow),
        [
            {**shared, "annotation_id": i, "task_id": i, "answer": a, "usable": True,
             "deleted": False, "shown": {}, "shown_as_of": moment}
            for i, a in answered
        ],
    )  # fmt: skip
    connection.execute(
        sa.insert(LabelRow),
        [
            {**shared, "task_id": i, "annotation_id": i, "answer": a, "arm": "unpublished",
             "outcome": "unaided", "suggestion_estimated": False}
            for i, a in answered
        ],
    )  # fmt: skip


def _answer(ours: Ours, label: str) -> list[dict[str, object]]:
    return answer_to_json((Mark(registry.load(KIND).control, label),))
