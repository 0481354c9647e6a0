"""The whole product, started once for all tests of this folder, as a newcomer would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from rich.console import Console

from projects.kit.label_studio import LabelStudioWriter
from scripts import demo, programs, up
from scripts.demo import Demo, Plan
from scripts.errors import NotInstalled
from scripts.label_studio import executable
from scripts.programs import House
from scripts.state import Ports, State, read_json
from tests.conftest import absent
from tests.end_to_end import recording
from tests.end_to_end.recording import Recorded
from tests.support.processes import free_port

START_SECONDS = 280
FEEDBACK_PICTURE = "feedback.png"
LABELS = {"intent": 45, "details": 24}


def understudy(
    *arguments: str, timeout: float = 60, settings: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, and give back what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *arguments],
        env={**os.environ, **demo.SETTINGS, **settings, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="package")
def chosen_ports() -> Ports:
    """Ports that nobody listens on."""
    return Ports(*(free_port() for _ in asdict(Ports())))


@pytest.fixture(scope="package")
def recorded(chosen_ports: Ports) -> Iterator[Recorded]:
    """What the practice half asks of both Label Studios, from its first request on."""
    with recording.listening(chosen_ports) as found:
        yield found


@pytest.fixture(scope="package")
def house(
    tmp_path_factory: pytest.TempPathFactory, chosen_ports: Ports, recorded: Recorded
) -> Iterator[House]:
    """Everything that ``understudy up`` starts, on ports of its own, with all samples."""
    try:
        executable()
    except NotInstalled as error:
        absent(str(error))
    state = State(tmp_path_factory.mktemp("understudy") / "state")
    state.prepare()
    ports = chosen_ports
    state.remember(ports)
    try:
        command = ("up", "--detach", "--state", str(state.folder))
        started = understudy(*command, timeout=START_SECONDS, settings=recorded.settings)
        assert started.returncode == 0, started.stdout + started.stderr + _logs(state.logs)
        yield House(state, ports, state.secrets())
    finally:
        up.down(state)


@pytest.fixture
def production(house: House) -> Iterator[LabelStudioWriter]:
    """The administrator's client of the production instance."""
    writer = LabelStudioWriter(house.production.url, house.production.token)
    yield writer
    writer.close()


def kill(house: House, name: str) -> None:
    rows = read_json(house.state.status_file)["processes"]
    pid = next(row["pid"] for row in rows if row["name"] == name)
    if pid:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="package")
def summary(house: House) -> dict[str, Any]:
    """A demo in which the worker and the practice service are killed, twice each."""
    demo = Demo(house, Plan(labels=LABELS, seed=3, limit_seconds=500), Console(quiet=True))
    result: dict[str, Any] = {}
    errors: list[Exception] = []

    def work() -> None:
        try:
            result.update(demo.run())
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for share in (0.3, 0.7):
        while thread.is_alive() and sum(demo.labelled.values()) < share * sum(LABELS.values()):
            time.sleep(0.2)
        kill(house, programs.WORKER)
        kill(house, programs.SYNC)
    thread.join()
    if errors:
        raise errors[0]
    return result


def _logs(folder: Path) -> str:
    tails = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-10:]
        tails.append("\n".join([f"--- {log.name}", *lines]))
    return "\n".join(tails)
