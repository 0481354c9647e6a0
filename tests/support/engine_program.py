"""A process with background work of its own, to be killed: see tests/contracts/test_engine.py.

Usage: python -m tests.support.engine_program URL LOCK
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from projects.kit import engine
from projects.kit.engine import Lane

NAME = "engine-contract"
EXECUTOR = "the-only-one"
LANE = Lane("killed", poll_seconds=0.05)
SINGLE = Lane("killed-single", one_per_key=True, poll_seconds=0.05)
WORKFLOW = "contract.slow"


@engine.step(name="contract.write")
def write(journal: str, line: str) -> None:
    """Leave a line in the journal."""
    with Path(journal).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@engine.workflow(name=WORKFLOW)
def slow(journal: str, stopper: str) -> None:
    """Write twice, wait as long as the file ``stopper`` is there, write again."""
    write(journal, "begun")
    write(journal, "waiting")
    while Path(stopper).exists():
        time.sleep(0.02)
    write(journal, "ended")


def main() -> None:
    """Serve until killed."""
    url, lock = sys.argv[1:3]
    running = engine.Engine(name=NAME, url=url, executor_id=EXECUTOR, lock=Path(lock))
    running.launch([LANE, SINGLE])
    print("launched", flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
