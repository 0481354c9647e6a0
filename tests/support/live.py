"""Real Label Studio servers for tests marked ``live``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from projects.kit.label_studio import LabelStudioReader, LabelStudioWriter
from scripts import label_studio, prepared
from scripts.label_studio import Instance
from tests.support.processes import free_port, stop, wait_until

EMAIL = "admin@example.com"
PASSWORD = "a-password-for-tests"
TOKEN = "0" * 39 + "1"
START_SECONDS = 180.0


@dataclass
class LiveLabelStudio:
    """One running instance with an administrator and their token."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def writer(self, token: str = TOKEN) -> LabelStudioWriter:
        return LabelStudioWriter(self.url, token)

    def is_ready(self) -> bool:
        reader = LabelStudioReader(self.url, TOKEN)
        try:
            return reader.is_healthy()
        finally:
            reader.close()

    def wait(self) -> None:
        """Until it answers; raises ``NotReady`` with the end of its log."""
        what = f"Label Studio ({self.name})"
        wait_until(self.is_ready, self.process, log=self.log, seconds=START_SECONDS, what=what)

    def stop(self) -> None:
        stop(self.process)


class LiveServers:
    """The instances of one test session, each started when first needed.

    Those in ``expected`` are started together with the first one, side by side.
    """

    def __init__(self, folder: Path, expected: Iterable[str] = ()) -> None:
        self._folder = folder
        self._expected = set(expected)
        self._running: dict[str, LiveLabelStudio] = {}

    def get(self, name: str) -> LiveLabelStudio:
        """The instance called ``name``, ready to answer."""
        for wanted in ({name} | self._expected) - set(self._running):
            folder = self._folder / wanted
            self._running[wanted] = start_label_studio(wanted, folder=folder)
        self._running[name].wait()
        return self._running[name]

    def stop(self) -> None:
        for server in self._running.values():
            server.stop()


def start_label_studio(name: str, *, folder: Path) -> LiveLabelStudio:
    """Start one instance on a free port, and do not wait for it."""
    data = folder / "data"
    data.mkdir(parents=True)
    log = folder / "label-studio.log"
    instance = Instance(
        name=name,
        port=free_port(),
        folder=data,
        email=EMAIL,
        password=PASSWORD,
        token=TOKEN,
        secret_key="a-fixed-key-for-tests",
    )
    prepared.begin_with(instance)
    environment = instance.environment | {"NO_PROXY": "127.0.0.1,localhost"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            instance.command,
            env=label_studio.inherited() | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return LiveLabelStudio(name, instance.url, log, process)


def sign_up(admin: LabelStudioWriter, email: str, password: str = PASSWORD) -> str:
    """A new person, by the invitation link as annotators do; returns their token."""
    link = label_studio.invite_link(admin.url, TOKEN)
    return label_studio.sign_up(link, email=email, password=password)
