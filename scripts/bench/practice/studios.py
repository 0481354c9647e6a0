"""Two real Label Studio servers, started as ``understudy up`` starts them, and their people."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json
from scripts import label_studio
from scripts.bench import servers
from scripts.label_studio import START_SECONDS, Instance

ADMIN, PASSWORD = "admin@example.com", "a-password-for-benchmarks"
TOKEN = "0" * 39 + "2"
PATIENCE_SECONDS = 2 * START_SECONDS
"""Two first starts at once, perhaps on a machine that does something else as well."""


@dataclass(frozen=True)
class Editor:
    """What the editor in somebody's browser asks of Label Studio 1.23.2, as recorded there."""

    browser: httpx.Client

    def open(self, task_id: int) -> Json:
        """A task, with what is suggested."""
        answer = self.browser.get(f"/api/tasks/{task_id}/")
        answer.raise_for_status()
        return dict(answer.json())

    def submit(self, task: Json, regions: list[Json]) -> None:
        """Press the button after some choice was changed in the newest suggestion."""
        suggestion = max(task["predictions"], key=lambda row: int(row["id"]))
        answer = self.browser.post(
            f"/api/tasks/{task['id']}/annotations",  # without a slash at the end, which costs time
            params={"project": task["project"]},
            json={
                "lead_time": 5.0,
                "result": [region | {"origin": "prediction-changed"} for region in regions],
                "draft_id": 0,
                "parent_prediction": suggestion["id"],
                "parent_annotation": None,
                "started_at": datetime.now(UTC).isoformat(),
                "unique_id": str(uuid4()),
                "project": str(task["project"]),
            },
        )
        answer.raise_for_status()

    def close(self) -> None:
        """Leave."""
        self.browser.close()


@dataclass(frozen=True)
class Studio:
    """One Label Studio and its administrator."""

    url: str
    token: str

    def writer(self, token: str = "") -> LabelStudioWriter:
        """A client of whoever has this token, or of the administrator; close it."""
        return LabelStudioWriter(self.url, token or self.token)

    @contextmanager
    def admin(self) -> Iterator[LabelStudioWriter]:
        """The administrator's client, closed at the end."""
        with closing(self.writer()) as writer:
            yield writer

    def editor(self, email: str) -> Editor:
        """The editor of somebody who has signed up, in a session of their own; close it."""
        return Editor(label_studio.signed_in(self.url, email=email, password=PASSWORD))

    def sign_up(self, email: str) -> str:
        """A new person, by the invite link as annotators do; returns their token."""
        link = label_studio.invite_link(self.url, self.token)
        return label_studio.sign_up(link, email=email, password=PASSWORD)


@dataclass
class Studios:
    """Where production works and where trainees practise."""

    production: Studio
    sandbox: Studio
    known: list[str] = field(default_factory=list)
    """Whoever practised in an earlier part; they do not in the next."""


@contextmanager
def started(folder: Path, *, say: Callable[[str], None]) -> Iterator[Studios]:
    """Both servers, side by side, ended at the end."""
    say("starting two Label Studio servers")
    with ExitStack() as stack:
        begun = [_begin(stack, folder, name) for name in ("production", "sandbox")]
        for instance, process, log in begun:
            health = f"{instance.url}/health"
            servers.wait_until_up(instance.name, process, health, log, seconds=PATIENCE_SECONDS)
            label_studio.use_write_ahead_log(instance)
        production, sandbox = (Studio(instance.url, TOKEN) for instance, _, _ in begun)
        yield Studios(production, sandbox)


def _begin(
    stack: ExitStack, folder: Path, name: str
) -> tuple[Instance, subprocess.Popen[bytes], Path]:
    instance = Instance(
        name=f"Label Studio, {name}",
        port=servers.free_port(),
        folder=folder / name,
        email=ADMIN,
        password=PASSWORD,
        token=TOKEN,
        secret_key="a-fixed-key-for-benchmarks",
    )
    instance.folder.mkdir(parents=True)
    log = folder / f"{name}.log"
    process = stack.enter_context(
        servers.running(
            instance.name, instance.command, instance.environment, log=log, folder=instance.folder
        )
    )
    return instance, process, log
