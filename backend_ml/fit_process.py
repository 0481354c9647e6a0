"""Fits in processes of their own, which may take too long or crash without harm.

A library written in C can end the process it runs in, and a fit can fail to end.
Here that costs the one fit: its process is ended, and the next one gets another.
A process is kept for the next fit, because starting one takes longer than a small
fit does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from backend_ml.fitting import FIT, LEARN_MORE, OUT_OF_FOLD, Addition, Fitted, Job, Order
from backend_ml.learners.base import Guess
from projects.kit.errors import PlatformError

COMMAND = [sys.executable, "-m", "backend_ml.fit_child"]
IDLE = 2
"""So many processes wait for the next fit; more are ended when they are done."""

_orders = TypeAdapter(Order)
_guesses = TypeAdapter(list[Guess | None])


class FitTimedOut(PlatformError):
    """A fit took longer than it may."""

    status = 504

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"The fit was ended after {self.seconds:g} seconds (BACKEND_ML_FIT_SECONDS)."


class FitCrashed(PlatformError):
    """The process of a fit ended before the fit did."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        how = f"signal {-self.code}" if self.code and self.code < 0 else f"exit code {self.code}"
        return f"The process of the fit ended with {how}."


class FitFailed(PlatformError):
    """A learner raised an error while it was fitted."""

    def __init__(self, error: str, words: str) -> None:
        super().__init__(error, words)
        self.error = error
        self.words = words

    def __str__(self) -> str:
        return f"{self.error}: {self.words}" if self.words else self.error


class FitInterrupted(PlatformError):
    """The worker ends, and its fits with it; they are asked for again."""

    def __str__(self) -> str:
        return "The fit was ended because the worker ends."


class Children:
    """A :class:`~backend_ml.fitting.Fitter` that never fits in its own process.

    ``embeddings`` is the path of :func:`backend_ml.embeddings.configure`, or empty.
    """

    def __init__(self, seconds: float, *, embeddings: str = "") -> None:
        self._seconds = seconds
        self._embeddings = embeddings
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._busy: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def fit(self, job: Job, folder: Path) -> Fitted | None:
        """As :class:`~backend_ml.fitting.Fitter` says.

        Raises
        ------
        FitTimedOut, FitCrashed, FitFailed, FitInterrupted
        """
        return self._fitted(Order(FIT, job, str(folder)))

    def learn_more(self, addition: Addition, folder: Path) -> Fitted | None:
        """As :class:`~backend_ml.fitting.Fitter` says; raises what :meth:`fit` does."""
        return self._fitted(Order(LEARN_MORE, addition, str(folder)))

    def out_of_fold(self, job: Job) -> list[Guess | None]:
        """As :class:`~backend_ml.fitting.Fitter` says; raises what :meth:`fit` does."""
        return _guesses.validate_python(self._ask(Order(OUT_OF_FOLD, job))["guesses"])

    def start(self) -> None:
        """Have a process ready before the first fit: starting one takes seconds."""
        self._give_back(self._take())

    def close(self) -> None:
        """End every process, also those at work."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
        for child in children:
            _end(child)

    def _fitted(self, order: Order) -> Fitted | None:
        answer = self._ask(order)["fitted"]
        return None if answer is None else Fitted(**answer)

    def _ask(self, order: Order) -> dict[str, Any]:
        child = self._take()
        try:
            answer = self._talk(child, _orders.dump_json(order) + b"\n")
        except BaseException:
            _end(child)
            raise
        finally:
            self._give_back(child)
        if "error" in answer:
            raise FitFailed(answer["error"], answer["words"])
        return answer

    def _talk(self, child: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
        """Send one line and wait for one, but not for ever."""
        answers: list[bytes] = []
        talk = threading.Thread(target=_exchange, args=(child, line, answers), daemon=True)
        talk.start()
        talk.join(self._seconds)
        in_time = not talk.is_alive()
        if not in_time:
            _end(child)
            talk.join()
        if self._closed:
            raise FitInterrupted
        if not in_time:
            raise FitTimedOut(self._seconds)
        if not answers or not answers[0]:
            raise FitCrashed(child.wait(timeout=10))
        answer: dict[str, Any] = json.loads(answers[0])
        return answer

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise FitInterrupted
            while self._idle:
                child = self._idle.pop()
                if child.poll() is None:
                    break
                _end(child)
            else:
                child = subprocess.Popen(
                    [*COMMAND, self._embeddings],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # a library's last words could quote a message
                )
            self._busy.add(child)
            return child

    def _give_back(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._busy.discard(child)
            keep = child.poll() is None and len(self._idle) < IDLE and not self._closed
            if keep:
                self._idle.append(child)
        if not keep:
            _end(child)


def _exchange(child: subprocess.Popen[bytes], line: bytes, answers: list[bytes]) -> None:
    """Runs in a thread of its own; ends when the child does."""
    if child.stdin is None or child.stdout is None:
        return
    try:
        child.stdin.write(line)
        child.stdin.flush()
        answers.append(child.stdout.readline())
    except (OSError, ValueError):  # it is gone; how, its exit code says
        return


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill it and give everything of it back; safe to repeat."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None and not stream.closed:
            try:
                stream.close()
            except OSError:  # what was not sent any more
                continue
