"""``understudy up`` keeps what the README says of it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from projects.kinds import registry
from projects.kit.label_studio import LabelStudioWriter
from projects.kit.web import SECRET_HEADER
from scripts import programs
from scripts.programs import House
from scripts.state import Ports, State, read_json
from scripts.supervisor import answers
from tests.end_to_end.conftest import START_SECONDS, understudy
from tests.support.processes import free_port

pytestmark = pytest.mark.live


def test_up_prints_where_everybody_signs_in_and_never_logs_it(house: House) -> None:
    log = (house.state.logs / "up.log").read_text()
    assert house.secrets.production_password not in log
    again = understudy("up", "--detach", "--state", str(house.state.folder))
    assert again.returncode == 1
    assert "already runs" in again.stderr


def test_status_shows_every_process_running(house: House) -> None:
    shown = understudy("status", "--state", str(house.state.folder))
    assert shown.returncode == 0, shown.stdout
    for name in (programs.PRODUCTION, programs.SANDBOX, programs.BACKEND, programs.WORKER):
        assert name in shown.stdout
    assert "ready" in shown.stdout


def test_secrets_are_closed_to_other_users(house: House) -> None:
    mode = stat.S_IMODE(house.state.secrets_file.stat().st_mode)
    assert mode == 0o600
    assert stat.S_IMODE(house.state.folder.stat().st_mode) == 0o700


def test_production_has_every_kind_with_guidelines_and_samples(
    production: LabelStudioWriter,
) -> None:
    projects = {project.title: project for project in production.projects()}
    for kind in registry.all_kinds():
        project = projects[kind.title]
        assert project.label_config == kind.label_config
        assert project.guidelines == kind.guidelines
        assert project.sampling == "Uncertainty sampling"
        assert project.task_count >= 600


def test_webhooks_are_explicit_and_carry_the_secrets(
    house: House, production: LabelStudioWriter
) -> None:
    project = next(p for p in production.projects() if p.title == registry.load("intent").title)
    answer = httpx.get(
        f"{house.production.url}/api/webhooks/",
        params={"project": project.id},
        headers={"Authorization": f"Token {house.production.token}"},
    )
    hooks = {row["url"]: row for row in answer.json() if row["project"] == project.id}
    assert set(hooks) == {
        f"{house.backend_url}/webhook",
        f"{house.sync_url}/webhooks/production",
        f"{house.sync_url}/webhooks/production/{project.id}",
    }
    for url, row in hooks.items():
        assert row["headers"][SECRET_HEADER]
        assert not row["send_for_all_actions"]
        is_bare = url.endswith(f"/{project.id}")
        assert row["send_payload"] == (not is_bare)
        told = "ANNOTATION_CREATED" in row["actions"]
        assert told == (is_bare or url.startswith(house.backend_url))


def test_the_practice_service_has_no_token_of_production(house: House) -> None:
    status = read_json(house.state.status_file)
    pid = next(row["pid"] for row in status["processes"] if row["name"] == programs.SYNC)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert house.secrets.reader_key.encode() in environment
    assert house.secrets.production_token.encode() not in environment
    assert house.secrets.production_password.encode() not in environment


def test_the_gateway_reads_and_does_nothing_else(house: House) -> None:
    headers = {"Authorization": f"Token {house.secrets.reader_key}"}
    with httpx.Client(base_url=house.reader_url, headers=headers) as http:
        assert http.get("/api/projects/").status_code == 200
        assert "task_data_password" not in http.get("/api/projects/").text
        assert http.patch("/api/projects/1/", json={"title": "taken over"}).status_code == 403
        assert http.delete("/api/tasks/1/").status_code == 403
        assert http.get("/api/current-user/token").status_code == 403
        assert http.get("/api/projects/1/next").status_code == 403
        direct = httpx.get(f"{house.production.url}/api/projects/", headers=headers)
        assert direct.status_code == 401


def test_a_child_that_dies_is_reported_and_restarted(house: House) -> None:
    before = _row(house, programs.READER)
    os.kill(before["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        after = _row(house, programs.READER)
        if after["restarts"] > before["restarts"] and answers(f"{house.reader_url}/health"):
            break
        time.sleep(0.3)
    assert after["restarts"] == before["restarts"] + 1
    assert after["pid"] != before["pid"]
    assert "ended (signal SIGKILL)" in (house.state.logs / "up.log").read_text()


def test_a_taken_port_is_named_with_its_option(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.prepare()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        state.remember(Ports(production=port))
        refused = understudy("up", "--state", str(state.folder))
    assert refused.returncode == 1
    assert f"Port {port}" in refused.stderr
    assert "--production-port" in refused.stderr
    assert "Traceback" not in refused.stderr
    told = understudy("status", "--state", str(state.folder))
    assert told.returncode == 1


def test_down_without_anything_running_says_so(tmp_path: Path) -> None:
    told = understudy("down", "--state", str(tmp_path / "nothing"))
    assert told.returncode == 0
    assert "Nothing runs" in told.stdout


def _lives(pid: int) -> bool:
    """A process that ended and that its new parent has not asked about is no living one."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _row(house: House, name: str) -> dict[str, int]:
    rows = read_json(house.state.status_file)["processes"]
    return dict(next(row for row in rows if row["name"] == name))


def test_a_killed_supervisor_leaves_nothing_and_a_second_run_resumes_on_other_ports(
    house: House, production: LabelStudioWriter
) -> None:
    """The last test of this folder: afterwards two services listen elsewhere."""
    counts = {project.title: project.task_count for project in production.projects()}
    children = [row["pid"] for row in read_json(house.state.status_file)["processes"]]
    os.kill(read_json(house.state.status_file)["pid"], signal.SIGKILL)
    time.sleep(0.5)
    ended = understudy("down", "--state", str(house.state.folder))
    assert "has ended" in ended.stdout, ended.stdout + ended.stderr
    assert not [pid for pid in children if _lives(pid)]

    ports = replace(house.ports, backend=free_port(), sync=free_port())
    started = understudy(
        *("up", "--detach", "--state", str(house.state.folder)),
        *("--backend-port", str(ports.backend), "--sync-port", str(ports.sync)),
        timeout=START_SECONDS,
    )
    assert started.returncode == 0, started.stdout + started.stderr
    moved = House(house.state, ports, house.secrets)
    assert answers(f"{moved.backend_url}/health")
    after = {project.title: project.task_count for project in production.projects()}
    assert after == counts
    project = next(p for p in production.projects() if p.title == registry.load("intent").title)
    headers = {"Authorization": f"Token {house.production.token}"}
    with httpx.Client(base_url=house.production.url, headers=headers, timeout=30) as http:
        hooks = http.get("/api/webhooks/", params={"project": project.id}).json()
        backends = http.get("/api/ml/", params={"project": project.id}).json()
    assert {row["url"] for row in hooks if row["project"] == project.id} == {
        f"{moved.backend_url}/webhook",
        f"{moved.sync_url}/webhooks/production",
        f"{moved.sync_url}/webhooks/production/{project.id}",
    }
    assert [row["url"] for row in backends] == [moved.backend_url]
