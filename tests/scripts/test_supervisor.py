"""The supervisor, with small programs in place of servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.errors import DidNotStart, PortTaken
from scripts.state import read_json, write_json
from scripts.supervisor import BACK_OFF_SECONDS, Program, Supervisor, supervisor_pid

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, told: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "status.json", told.append)
    yield made
    made.stop()


def program(tmp_path: Path, code: str, name: str = "sleeper") -> Program:
    command = [sys.executable, "-c", code]
    return Program(name, command, {"WORD": "hello"}, tmp_path / f"{name}.log", start_seconds=5)


def wait_for(what: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_start_writes_the_status_and_passes_the_environment(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(program(tmp_path, "import os; print(os.environ['WORD'], flush=True);" + SLEEP))
    supervisor.wait_until_healthy("sleeper")
    row = read_json(tmp_path / "status.json")["processes"][0]
    assert row["state"] == "running"
    assert psutil.pid_exists(row["pid"])
    wait_for(lambda: "hello" in (tmp_path / "sleeper.log").read_text())
    assert supervisor_pid(tmp_path / "status.json") == os.getpid()


def test_a_taken_port_is_refused_by_name(supervisor: Supervisor, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        wanted = Program(
            "web", ["true"], {}, tmp_path / "web.log", port=port, port_option="--web-port"
        )
        with pytest.raises(PortTaken, match=f"Port {port}, meant for web.*--web-port"):
            supervisor.start(wanted)


def test_a_program_that_ends_at_once_is_told_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(program(tmp_path, "raise SystemExit('no database')"))
    time.sleep(0.5)
    with pytest.raises(DidNotStart, match="no database"):
        supervisor.wait_until_healthy("sleeper")


def test_a_child_that_dies_is_reported_and_started_again(
    supervisor: Supervisor, tmp_path: Path, told: list[str]
) -> None:
    supervisor.start(program(tmp_path, SLEEP))
    supervisor.wait_until_healthy("sleeper")
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    first = read_json(tmp_path / "status.json")["processes"][0]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: _row(tmp_path)["restarts"] == 1 and bool(_row(tmp_path)["pid"]))
    assert _row(tmp_path)["pid"] != first
    assert any("ended (signal SIGKILL)" in line for line in told)
    supervisor.stop()
    watching.join(timeout=5)
    assert not watching.is_alive()


def test_restarts_in_a_row_wait_longer(
    supervisor: Supervisor, tmp_path: Path, told: list[str]
) -> None:
    supervisor.start(program(tmp_path, "raise SystemExit(3)"))
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    wait_for(lambda: _row(tmp_path)["restarts"] >= 2)
    assert "exit code 3" in told[0]
    assert f"again in {BACK_OFF_SECONDS[0]} s" in told[0]
    assert f"again in {BACK_OFF_SECONDS[1]} s" in told[1]
    supervisor.stop()
    watching.join(timeout=5)


def test_a_restart_waits_for_a_port_that_somebody_took(
    supervisor: Supervisor, tmp_path: Path, told: list[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    wanted = Program(
        "web",
        [sys.executable, "-c", SLEEP],
        {},
        tmp_path / "web.log",
        port=port,
        port_option="--web-port",
    )
    supervisor.start(wanted)
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        os.kill(_row(tmp_path)["pid"], signal.SIGKILL)
        wait_for(lambda: any("--web-port" in line for line in told))
        assert _row(tmp_path)["state"] == "waiting"
    supervisor.stop()
    watching.join(timeout=5)


def test_stop_ends_children_and_their_children(supervisor: Supervisor, tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    supervisor.start(program(tmp_path, code))
    parent = psutil.Process(_row(tmp_path)["pid"])
    wait_for(lambda: bool(parent.children()))
    family = [parent, *parent.children()]
    supervisor.stop()
    assert not psutil.wait_procs(family, timeout=5)[1]


def test_what_a_killed_supervisor_left_behind_is_ended(tmp_path: Path, told: list[str]) -> None:
    first = Supervisor(tmp_path / "status.json", told.append)
    first.start(program(tmp_path, SLEEP))
    orphan = psutil.Process(_row(tmp_path)["pid"])
    assert Supervisor(tmp_path / "status.json", told.append).end_leftovers() == 1
    orphan.wait(timeout=5)
    assert any("left over" in line for line in told)
    first.stop()


def _row(tmp_path: Path) -> dict[str, Any]:
    return dict(read_json(tmp_path / "status.json")["processes"][0])


def test_a_dead_supervisor_that_is_still_listed_does_not_run(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    known = psutil.Process(dead.pid)
    wait_for(lambda: known.status() == psutil.STATUS_ZOMBIE)
    content = {"pid": dead.pid, "created": known.create_time(), "processes": []}
    write_json(tmp_path / "status.json", content)
    assert supervisor_pid(tmp_path / "status.json") is None
    dead.wait()
