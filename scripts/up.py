"""Starts the whole product, in the foreground or behind, and ends it again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import psutil

from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter
from scripts import bootstrap
from scripts.errors import SupervisorRuns
from scripts.programs import House
from scripts.state import State, read_json, write_json
from scripts.supervisor import Report, Supervisor, supervisor_pid

READY = "ready"
FAILED = "failed"


@dataclass(frozen=True)
class Options:
    """What the person at the command line may choose."""

    samples: int = bootstrap.SAMPLES
    sample_seed: int = bootstrap.SAMPLE_SEED


def run(house: House, options: Options, report: Report, on_ready: Callable[[], None]) -> None:
    """Start everything, call ``on_ready``, and look after it until a signal or an error ends it.

    Raises
    ------
    SupervisorRuns
        When it runs already.
    PortTaken, DidNotStart, NotInstalled
        When a part cannot start; everything started before is ended.
    """
    house.state.prepare()
    with _only_one(house.state):
        supervisor = Supervisor(house.state.status_file, report)
        supervisor.end_leftovers()
        _stop_on_signal(supervisor)
        try:
            _start(supervisor, house, options)
            if not supervisor.stopping.is_set():
                supervisor.set_phase(READY)
                on_ready()
            supervisor.watch()
        except PlatformError as error:
            if not supervisor.stopping.is_set():
                supervisor.phase = f"{FAILED}: {error}"
                raise
        finally:
            phase = supervisor.phase
            supervisor.stop()
            if phase.startswith(FAILED):
                write_json(house.state.status_file, {"phase": phase, "processes": []})


def detach(house: House, command: list[str], report: Report) -> None:
    """Start :func:`run` as a process of its own and wait until it is ready.

    Raises
    ------
    PlatformError
        With the reason, when it does not get there.
    """
    if supervisor_pid(house.state.status_file) is not None:
        raise SupervisorRuns(house.state.folder)
    house.state.prepare()
    house.state.status_file.unlink(missing_ok=True)
    log = house.state.logs / "up.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    seen = ""
    while True:
        phase = str((read_json(house.state.status_file) or {}).get("phase", ""))
        if phase != seen and phase:
            report(phase)
            seen = phase
        if phase == READY:
            return
        if phase.startswith(FAILED) or process.poll() is not None:
            process.wait(timeout=30)
            detail = phase.removeprefix(f"{FAILED}: ") if phase.startswith(FAILED) else f"see {log}"
            raise StartFailed(detail)
        time.sleep(0.2)


class StartFailed(PlatformError):
    """The process behind ended before everything was ready."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


def down(state: State, *, timeout_seconds: float = 60) -> bool:
    """End a running Understudy; False when none runs on this folder."""
    pid = supervisor_pid(state.status_file)
    if pid is None:
        return False
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=timeout_seconds)
    return True


def _start(supervisor: Supervisor, house: House, options: Options) -> None:
    supervisor.set_phase("starting two Label Studio servers (the first time takes a minute)")
    supervisor.start(house.label_studio(house.production, "production"))
    supervisor.start(house.label_studio(house.sandbox, "sandbox"))
    for instance in (house.production, house.sandbox):
        supervisor.wait_until_healthy(instance.name)
    if supervisor.stopping.is_set():
        return
    supervisor.set_phase("preparing the projects")
    production = LabelStudioWriter(house.production.url, house.production.token)
    sandbox = LabelStudioWriter(house.sandbox.url, house.sandbox.token)
    projects = bootstrap.production_projects(production)
    bootstrap.sandbox_examples(sandbox)
    supervisor.set_phase("starting our own services")
    for program in house.services(projects):
        supervisor.start(program)
    for program in house.services(projects):
        supervisor.wait_until_healthy(program.name)
    if supervisor.stopping.is_set():
        return
    supervisor.set_phase("connecting everything")
    bootstrap.connect(production, projects, house)
    _load_samples(supervisor, house, options, production, projects)


def _load_samples(
    supervisor: Supervisor,
    house: House,
    options: Options,
    production: LabelStudioWriter,
    projects: dict[int, str],
) -> None:
    """Load the samples into an empty production once, also when killed half-way before."""
    marker = house.state.folder / "samples.json"
    begun = read_json(marker)
    if not options.samples or (begun or {}).get("done"):
        return
    if begun is None and not bootstrap.is_empty(production, list(projects)):
        return
    chosen = begun or {"count": options.samples, "seed": options.sample_seed}
    write_json(marker, chosen)
    supervisor.set_phase(f"loading {chosen['count']} sample messages")
    bootstrap.load_samples(production, projects, count=chosen["count"], seed=chosen["seed"])
    write_json(marker, chosen | {"done": True})


def _stop_on_signal(supervisor: Supervisor) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stopping.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)


@contextlib.contextmanager
def _only_one(state: State) -> Iterator[None]:
    with state.lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SupervisorRuns(state.folder) from error
        os.set_inheritable(handle.fileno(), False)
        yield
