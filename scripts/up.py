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
from pathlib import Path
from types import FrameType

import psutil

from projects.kit.errors import PlatformError
from scripts.errors import SupervisorRuns
from scripts.programs import House
from scripts.state import Options, State, read_json, write_json
from scripts.supervisor import Report, Supervisor, supervisor_pid

READY = "ready"
FAILED = "failed"


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
        house.state.remember(house.ports)
        _stop_on_signal(supervisor)
        try:
            from scripts.starting import start  # slow to import, and only needed here

            start(supervisor, house, options)
            if not supervisor.stopping.is_set():
                supervisor.set_phase(READY)
                on_ready()
            supervisor.watch()
        except Exception as error:
            if supervisor.stopping.is_set():
                return  # told to end while starting: whatever then failed is no news
            supervisor.phase = f"{FAILED}: {error or type(error).__name__}"
            raise
        finally:
            phase = supervisor.phase
            supervisor.stop()
            if phase.startswith(FAILED):
                write_json(
                    house.state.status_file, {"phase": phase, "pid": os.getpid(), "processes": []}
                )


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
    log = house.state.logs / "up.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, house.state, report, log)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(timeout=60)
        raise


def wait_until_ready(house: House, report: Report) -> None:
    """Wait for an Understudy that somebody else is starting at the moment."""
    while supervisor_pid(house.state.status_file) is not None:
        phase = str((read_json(house.state.status_file) or {}).get("phase", ""))
        if phase == READY:
            return
        report(phase)
        time.sleep(0.5)
    raise StartFailed("Understudy ended while it was starting; try again.")


def _wait_until_ready(
    process: subprocess.Popen[bytes], state: State, report: Report, log: Path
) -> None:
    seen = ""
    while True:
        known = read_json(state.status_file) or {}
        phase = str(known["phase"]) if known.get("pid") == process.pid else ""
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


class StillEnding(PlatformError):
    """Told to end, and not gone yet."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return f"Process {self.pid} was told to end and is still there. Try again in a minute."


class StartFailed(PlatformError):
    """The process behind ended before everything was ready."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


def down(state: State, *, timeout_seconds: float = 60) -> bool:
    """End a running Understudy, or what a killed one left behind; False when there is nothing.

    Raises
    ------
    StillEnding
        When it has been told and is not gone after ``timeout_seconds``.
    """
    pid = supervisor_pid(state.status_file)
    if pid is None:
        return Supervisor(state.status_file, lambda _: None).end_leftovers() > 0
    try:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=timeout_seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired as error:
        raise StillEnding(pid) from error
    return True


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
