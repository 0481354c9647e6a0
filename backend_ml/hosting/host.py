"""Our end of a hosted model: start its process, ask it, and end it when it fails."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from projects.kinds.base import HostedModel
from projects.kit import logs
from projects.kit.errors import PlatformError

log = logs.get(__name__)

PROGRAM = Path(__file__).with_name("child.py")
ENVIRONMENT = ".venv-label-studio-ml"
OURS = ("BACKEND_ML_", "SANDBOX_SYNC_", "UNDERSTUDY_")
"""Settings with these prefixes hold secrets that are none of a model's business."""
START_SECONDS = 60.0
"""To import the model file, and again for the first answer, before which many load a model."""
REST_SECONDS = 5.0
"""After a failure nobody is made to wait for another one for so long, each time doubled."""
LONGEST_REST_SECONDS = 300.0
CHUNK = 200
"""Tasks in one request."""
BLOCK = 65536
LARGEST_ANSWER = 256 * 1024 * 1024


class HostedModelFailed(PlatformError):
    """A hosted model raised, ended or did not answer in time."""

    status = 503
    retryable = True

    def __init__(self, model: str, what: str) -> None:
        super().__init__(model, what)
        self.model = model
        self.what = what

    def __str__(self) -> str:
        return f"The hosted model {self.model} failed: {self.what}."


class Host:
    """One model class in one process, which is started when it is first asked.

    Its state is the folder ``model_dir``. A process that failed is ended; after a rest
    the next request starts another. One request at a time: others wait.
    """

    def __init__(
        self, hosted: HostedModel, *, model_dir: Path, label_config: str, seed: int = 0
    ) -> None:
        self._hosted = hosted
        self._model_dir = model_dir
        self._label_config = label_config
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until = 0.0

    @property
    def pid(self) -> int | None:
        """The number of its process, if it has one now."""
        return None if self._process is None else self._process.pid

    def predict(self, tasks: Sequence[dict[str, Any]]) -> list[Any]:
        """``{"result", "score"}`` or ``None`` for each task, in order.

        Raises
        ------
        HostedModelFailed
            When the process ends, takes too long, or fails for every single task.
        """
        results: list[Any] = []
        failed, trace = 0, ""
        for first in range(0, len(tasks), CHUNK):
            message = {"do": "predict", "tasks": list(tasks[first : first + CHUNK])}
            answer = self._ask(message, seconds=self._hosted.predict_seconds)
            results += answer["results"]
            failed += answer["failed"]
            trace = answer["trace"] or trace
        if failed:
            log.error("hosted.predict_failed", tasks=len(tasks), failed=failed, trace=trace)
        if failed and failed == len(tasks):
            raise HostedModelFailed(self._hosted.name, "it cannot predict")
        return results

    def fit(self, tasks: Sequence[dict[str, Any]], project: dict[str, Any]) -> None:
        """Teach it these labelled tasks, the newest last; raises :class:`HostedModelFailed`."""
        message = {"do": "fit", "tasks": list(tasks), "project": project}
        answer = self._ask(message, seconds=self._hosted.fit_seconds)
        if answer["failed"]:
            log.warning("hosted.fit_events_failed", **{k: answer[k] for k in ("failed", "trace")})
        log.info("hosted.fitted", tasks=len(tasks), calls=answer["calls"])

    def close(self) -> None:
        """End the process."""
        if self._end is not None:
            self._end()
        self._process, self._end = None, None

    def _ask(self, message: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() < self._rests_until:
                raise HostedModelFailed(self._hosted.name, "it failed a moment ago")
            try:
                if self._process is None:
                    self._start()
                    seconds += START_SECONDS
                answer = self._exchange(message, seconds=seconds)
            except HostedModelFailed:
                rest = min(REST_SECONDS * 2**self._failures, LONGEST_REST_SECONDS)
                self._failures = min(self._failures + 1, 10)
                self._rests_until = time.monotonic() + rest
                raise
            self._failures = 0
            return answer

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                [interpreter(self._hosted), "-u", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self._hosted.path.parent,
                env=self._environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise HostedModelFailed(self._hosted.name, "it cannot be started") from error
        self._end = weakref.finalize(self, _end, self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        found = self._exchange(
            {
                "do": "hello",
                "path": str(self._hosted.path),
                "name": self._hosted.name,
                "label_config": self._label_config,
                "seed": self._seed,
            },
            seconds=START_SECONDS,
        )
        log.info("hosted.started", pid=self._process.pid, **found)

    def _environment(self) -> dict[str, str]:
        """Ours without our secrets: models are configured by variables of their own."""
        theirs = os.environ.items()  # noqa: TID251 - to be passed on; no setting is read
        inherited = {k: v for k, v in theirs if not k.startswith(OURS)}
        return inherited | {
            "MODEL_DIR": str(self._model_dir),
            "PYTHONHASHSEED": str(self._seed % 2**32),
        }

    def _exchange(self, message: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """One request and its answer; ends the process when there is none."""
        if self._process is None:
            raise HostedModelFailed(self._hosted.name, "it has no process")
        try:
            answer = json.loads(_talk(self._process, json.dumps(message), seconds=seconds))
        except TimeoutError as error:
            self.close()
            what = f"no answer to {message['do']} within {seconds:g} seconds"
            raise HostedModelFailed(self._hosted.name, what) from error
        except (OSError, ValueError) as error:  # the pipe broke, or what came is no answer
            self.close()
            what = f"its process ended during {message['do']}"
            raise HostedModelFailed(self._hosted.name, what) from error
        if not isinstance(answer, dict) or "error" in answer:
            self.close()
            log.error("hosted.failed", during=message["do"], trace=answer.get("trace"))
            raise HostedModelFailed(self._hosted.name, f"{message['do']}: {answer.get('error')}")
        return answer


def interpreter(hosted: HostedModel) -> str:
    """The Python that runs it: the one that was named, else that of the models' environment."""
    if "/" in hosted.python:
        return str(Path(hosted.python).absolute())  # the model is run in another folder
    beside = Path(sys.prefix).with_name(ENVIRONMENT) / "bin" / "python"
    return hosted.python or (str(beside) if beside.exists() else sys.executable)


def _talk(process: subprocess.Popen[bytes], line: str, *, seconds: float) -> bytes:
    """Send a line and read one back; neither a full nor an empty pipe can hold us up."""
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes")
    deadline = time.monotonic() + seconds
    waiting, received = memoryview(line.encode() + b"\n"), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        while not received.endswith(b"\n"):
            ready = selector.select(max(deadline - time.monotonic(), 0.0))
            if not ready or time.monotonic() > deadline:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    waiting = waiting[os.write(key.fd, waiting[:BLOCK]) :]
                    if not waiting:
                        selector.unregister(process.stdin)
                elif not (block := os.read(key.fd, BLOCK)):
                    raise OSError("the process closed its end")
                else:
                    received += block
            if len(received) > LARGEST_ANSWER:
                raise OSError("an answer without an end")
    return bytes(received)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue
    process.wait()
