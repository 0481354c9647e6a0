"""Starts processes, waits until they answer, restarts those that die, and ends them all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import psutil

from scripts.errors import DidNotStart, PortTaken
from scripts.state import read_json, write_json

STOP_SECONDS = 10
BACK_OFF_SECONDS = (1, 2, 5, 10, 30)
"""Waits before the first, second, ... restart in a row; the last one repeats."""
HEALTHY_SECONDS = 60
"""Having run this long, a process starts again from the first wait."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """What to run, and how to tell that it answers."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    port: int | None = None
    port_option: str = ""
    health_url: str | None = None
    start_seconds: float = 90


@dataclass
class Child:
    """One running program."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    failures_in_a_row: int = 0
    state: str = "stopped"
    not_before: float = 0.0


@dataclass(frozen=True)
class ChildStatus:
    """What the status file says of one program."""

    name: str
    state: str
    pid: int | None
    created: float | None
    port: int | None
    restarts: int
    log: str


@dataclass
class Supervisor:
    """Keeps a set of programs running until told to stop."""

    status_file: Path
    report: Report
    children: dict[str, Child] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    phase: str = "starting"
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def end_leftovers(self) -> int:
        """End what an earlier supervisor left behind when it was killed itself; how many."""
        known = read_json(self.status_file) or {}
        ended = 0
        for row in known.get("processes", ()):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(row["pid"]) if row.get("pid") else None
                if process and abs(process.create_time() - (row.get("created") or 0)) < 2:
                    self.report(f"ending {row['name']}, left over from an earlier run")
                    _end_tree(process)
                    ended += 1
        return ended

    def start(self, program: Program) -> None:
        """Start a program; its port must be free.

        Raises
        ------
        PortTaken
            When something else listens there.
        """
        if program.port is not None and is_taken(program.port):
            raise PortTaken(program.name, program.port, program.port_option)
        with self._lock:
            child = self.children.setdefault(program.name, Child(program))
            self._spawn(child)
        self._write()

    def wait_until_healthy(self, name: str) -> None:
        """Return when the program answers.

        Raises
        ------
        DidNotStart
            When it ends, or stays silent for longer than it may.
        """
        child = self.children[name]
        url = child.program.health_url
        deadline = time.monotonic() + child.program.start_seconds
        while not self.stopping.is_set():
            ended = child.process is None or child.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise DidNotStart(name, child.program.log, _tail(child.program.log))
            if url is None or answers(url):
                child.state = "running"
                self._write()
                return
            time.sleep(0.3)

    def watch(self) -> None:
        """Restart what dies, until :meth:`stop`."""
        while not self.stopping.wait(0.5):
            for child in list(self.children.values()):
                self._look_after(child)

    def stop(self) -> None:
        """End every child, last started first, and wait for it."""
        self.stopping.set()
        self.phase = "stopping"
        with self._lock:
            living = [c for c in reversed(self.children.values()) if c.process is not None]
            for child in living:
                _signal_group(child.process, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            for child in living:
                _wait_or_kill(child.process, deadline)
                child.process, child.state = None, "stopped"
        self.phase = "stopped"
        self._write()

    def set_phase(self, phase: str) -> None:
        """Tell readers of the status file how far the start has come."""
        self.phase = phase
        self.report(phase)
        self._write()

    def _look_after(self, child: Child) -> None:
        with self._lock:
            if self.stopping.is_set() or child.process is None:
                if child.state == "waiting" and time.monotonic() >= child.not_before:
                    self._restart(child)
                return
            code = child.process.poll()
            if code is None:
                self._note_health(child)
                return
            wait = BACK_OFF_SECONDS[min(child.failures_in_a_row, len(BACK_OFF_SECONDS) - 1)]
            child.failures_in_a_row += 1
            child.restarts += 1
            child.process, child.state = None, "waiting"
            child.not_before = time.monotonic() + wait
        self.report(
            f"{child.program.name} ended ({_how(code)}); starting it again in {wait} s "
            f"(log: {child.program.log})"
        )
        self._write()

    def _restart(self, child: Child) -> None:
        """Start again; a port that somebody took meanwhile is named, and waited for."""
        program = child.program
        if program.port is not None and is_taken(program.port):
            self.report(str(PortTaken(program.name, program.port, program.port_option)))
            child.not_before = time.monotonic() + BACK_OFF_SECONDS[-1]
            return
        self._spawn(child)
        self._write()

    def _note_health(self, child: Child) -> None:
        if child.state == "starting":
            url = child.program.health_url
            if url is None or answers(url):
                child.state = "running"
                self._write()
        elif time.monotonic() - child.started_at > HEALTHY_SECONDS:
            child.failures_in_a_row = 0

    def _spawn(self, child: Child) -> None:
        if self.stopping.is_set():
            return
        program = child.program
        log = program.log.open("ab")
        with log:
            child.process = subprocess.Popen(
                list(program.command),
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started_at = time.monotonic()
        child.state = "starting"

    def _write(self) -> None:
        with self._lock:
            rows = [asdict(_status(child)) for child in self.children.values()]
            me = psutil.Process()
            content = {"phase": self.phase, "pid": me.pid, "created": me.create_time()}
            write_json(self.status_file, content | {"processes": rows})


def is_taken(port: int) -> bool:
    """Whether something listens on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def answers(url: str) -> bool:
    """Whether a GET of ``url`` succeeds."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def supervisor_pid(status_file: Path) -> int | None:
    """The process id of a living supervisor, if the status file names one."""
    known = read_json(status_file) or {}
    with contextlib.suppress(psutil.Error, KeyError, TypeError):
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["created"]) < 2
        # Where nobody asks about the dead, as in some containers, they stay listed.
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return int(known["pid"])
    return None


def _status(child: Child) -> ChildStatus:
    pid = child.process.pid if child.process else None
    created = None
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            created = psutil.Process(pid).create_time()
    program = child.program
    return ChildStatus(
        program.name, child.state, pid, created, program.port, child.restarts, str(program.log)
    )


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def _signal_group(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _wait_or_kill(process: subprocess.Popen[bytes] | None, deadline: float) -> None:
    if process is None:
        return
    try:
        process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait(timeout=5)


def _end_tree(process: psutil.Process) -> None:
    tree = [process, *process.children(recursive=True)]
    for member in tree:
        with contextlib.suppress(psutil.Error):
            member.terminate()
    for member in psutil.wait_procs(tree, timeout=STOP_SECONDS)[1]:
        with contextlib.suppress(psutil.Error):
            member.kill()
