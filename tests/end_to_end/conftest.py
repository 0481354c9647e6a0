"""The whole product, started once for all tests of this folder, as a newcomer would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from projects.kit.label_studio import LabelStudioWriter
from scripts import demo, up
from scripts.errors import NotInstalled
from scripts.label_studio import executable
from scripts.programs import House
from scripts.state import Ports, State
from tests.conftest import absent
from tests.support.processes import free_port

START_SECONDS = 280


def understudy(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, and give back what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *arguments],
        env={**os.environ, **demo.SETTINGS, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everything that ``understudy up`` starts, on ports of its own, with all samples."""
    try:
        executable()
    except NotInstalled as error:
        absent(str(error))
    state = State(tmp_path_factory.mktemp("understudy") / "state")
    state.prepare()
    ports = Ports(*(free_port() for _ in asdict(Ports())))
    state.remember(ports)
    started = understudy("up", "--detach", "--state", str(state.folder), timeout=START_SECONDS)
    try:
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


def _logs(folder: Path) -> str:
    tails = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-10:]
        tails.append("\n".join([f"--- {log.name}", *lines]))
    return "\n".join(tails)
