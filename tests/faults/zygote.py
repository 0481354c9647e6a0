"""A process that has imported our programs and turns copies of itself into them.

What takes seconds when one of our programs starts is its imports. A copy of a
process that has done them already runs the same ``main()`` as ``python -m``
does, in a process of its own that can be killed, and is there at once: many
times more kills in the same time.

It reads one JSON object a line and answers each with one.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.faults import clock

if _file := os.environ.get("TEST_CLOCK_FILE"):
    clock.install(_file)

import projects.kit.read_gateway
import sandbox_sync.__main__

MAINS = {
    "sandbox_sync": sandbox_sync.__main__.main,
    "read_gateway": projects.kit.read_gateway.main,
}


def main() -> None:
    """Until the other side closes the pipe."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        if "wait" in asked:
            answer = _reap(asked["wait"], 0)
        elif "poll" in asked:
            answer = _reap(asked["poll"], os.WNOHANG)
        else:
            answer = _fork(asked)
        print(json.dumps(answer), flush=True)


def _fork(asked: dict[str, Any]) -> dict[str, int]:
    pid = os.fork()
    if pid:
        return {"pid": pid}
    status = 1
    try:
        os.setsid()
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(asked["environment"])
        MAINS[asked["program"]]()
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def _reap(pid: int, options: int) -> dict[str, int]:
    """The id of the process if it has ended, else 0."""
    try:
        return {"ended": os.waitpid(pid, options)[0]}
    except ChildProcessError:
        return {"ended": pid}


if __name__ == "__main__":
    main()
