"""Our programs as processes: started, killed, and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.processes import NotReady, free_port, tail

START_SECONDS = 60.0


class Zygote:
    """Hands out processes whose imports are done; see :mod:`tests.faults.zygote`."""

    def __init__(self, *, clock: Path | None = None) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        if clock is not None:
            environment |= {"TEST_CLOCK_FILE": str(clock)}
        self._guard = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._read()

    def start(self, program: str, environment: dict[str, str], log: Path) -> int:
        """The id of a new process."""
        asked = {"program": program, "environment": environment, "log": str(log)}
        return int(self._ask(asked)["pid"])

    def wait(self, pid: int) -> None:
        """Until this process, which was killed, is gone."""
        self._ask({"wait": pid})

    def has_ended(self, pid: int) -> bool:
        """Whether this process is gone."""
        return bool(self._ask({"poll": pid})["ended"])

    def close(self) -> None:
        """End."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        with self._guard:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotReady("the process that hands out processes has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def a_zygote(*, clock: Path | None = None) -> Iterator[Zygote]:
    """One, ended at the end."""
    zygote = Zygote(clock=clock)
    try:
        yield zygote
    finally:
        zygote.close()


@dataclass
class Program:
    """One of our programs; killed and started as often as is wanted, on one port."""

    zygote: Zygote
    name: str
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    pid: int | None = None
    kills: list[float] = field(default_factory=list)
    guard: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Unless it runs."""
        with self.guard:
            if self.pid is None:
                self.pid = self.zygote.start(self.name, self.environment, self.log)

    def kill(self) -> None:
        """With SIGKILL, at once; safe to repeat."""
        with self.guard:
            if self.pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.zygote.wait(self.pid)
            self.pid = None
            self.kills.append(time.time())

    def stop(self) -> None:
        """As an operator does."""
        with self.guard:
            if self.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGTERM)
                self.zygote.wait(self.pid)
                self.pid = None

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code < 500
        except httpx.HTTPError:
            return False

    def has_ended(self) -> bool:
        """Whether it ended by itself, which it never should."""
        with self.guard:
            if self.pid is None:
                return False
            return self.zygote.has_ended(self.pid)

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Until it answers."""
        deadline = time.monotonic() + seconds
        while not self.is_up():
            if self.has_ended() or time.monotonic() > deadline:
                raise NotReady(f"{self.name} does not answer:\n{tail(self.log)}")
            time.sleep(0.05)
