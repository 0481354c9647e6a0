"""Real server processes on this machine, started for a measurement and ended after it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from scripts.errors import DidNotStart

START_SECONDS = 90.0
STOP_SECONDS = 10.0
OUR_PREFIXES = ("BACKEND_ML_", "READ_GATEWAY_", "SANDBOX_SYNC_")
"""Settings that a server is not to inherit from whoever measures."""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: Path,
    health_url: str | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process from its start until the end of the block; ready when it answers.

    Raises
    ------
    DidNotStart
        When it ends or stays silent.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OUR_PREFIXES)}
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command),
            env={**inherited, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        if health_url is not None:
            wait_until_up(name, process, health_url, log)
        yield process
    finally:
        _end(process)


def wait_until_up(
    name: str,
    process: subprocess.Popen[bytes],
    url: str,
    log: Path,
    *,
    seconds: float = START_SECONDS,
) -> None:
    """Return when the server answers.

    Raises
    ------
    DidNotStart
        When it ends or stays silent.
    """
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=2, trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(url).is_success:
                    return
            time.sleep(0.1)
    raise DidNotStart(name, log, log.read_text(encoding="utf-8", errors="replace")[-2000:])


def wait_for_line(
    name: str, process: subprocess.Popen[bytes], log: Path, words: str, start: int
) -> None:
    """Return when a log says ``words`` after its first ``start`` bytes.

    Raises
    ------
    DidNotStart
        When the process ends or the words do not come.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if words.encode() in log.read_bytes()[start:]:
            return
        time.sleep(0.05)
    raise DidNotStart(name, log, log.read_text(encoding="utf-8", errors="replace")[-2000:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started."""
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
