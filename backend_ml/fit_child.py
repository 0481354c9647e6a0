"""The process that fits: one job a line on standard input, one answer a line back.

Started and ended by :mod:`backend_ml.fit_process`. What goes wrong is answered by
its class, and by the words of our own errors; anybody else's may quote a message.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits

from backend_ml import embeddings
from backend_ml.fitting import FIT, Addition, Fitted, Here, Order
from backend_ml.learners.base import Guess
from projects.kit import garbage
from projects.kit.errors import PlatformError

NICER = 10
"""Steps of priority below the processes that answer people."""

orders = TypeAdapter(Order)
fitted = TypeAdapter(Fitted | None)
guesses = TypeAdapter(list[Guess | None])


def main() -> None:
    """Work until standard input ends, or the process that started this one."""
    answers = _private_output()
    os.nice(NICER)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    embeddings.configure(sys.argv[1] if len(sys.argv) > 1 else "")
    import_module("sklearn.svm")  # takes seconds, and nearly every fit needs it
    garbage.spare_what_is_there()
    with threadpool_limits(limits=1):
        for line in sys.stdin.buffer:
            answers.write(_answer(line) + b"\n")
            answers.flush()


def _answer(line: bytes) -> bytes:
    try:
        return _done(orders.validate_json(line))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other process reports it
        return TypeAdapter(dict[str, Any]).dump_json(_failure(error))


def _done(order: Order) -> bytes:
    work, folder = order.work, Path(order.folder)
    if isinstance(work, Addition):
        return b'{"fitted":%s}' % fitted.dump_json(Here().learn_more(work, folder))
    if order.what == FIT:
        return b'{"fitted":%s}' % fitted.dump_json(Here().fit(work, folder))
    return b'{"guesses":%s}' % guesses.dump_json(Here().out_of_fold(work))


def _failure(error: Exception) -> dict[str, Any]:
    words = error.in_logs() if isinstance(error, PlatformError) else ""
    return {"error": type(error).__name__, "words": words}


def _private_output() -> IO[bytes]:
    """The way back; what libraries print to standard output goes to standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "wb")


def _end_with(parent: int) -> None:
    """End when the parent is gone, also in the middle of a fit."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    main()
