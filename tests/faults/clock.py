"""The clock of a process, shifted by what stands in a file, as a clock that jumps is.

The file holds one double, the seconds to add; it may change at any moment. What
is shifted is where our programs and the workflow engine get the time from:
``projects.kit.database.now`` and ``time.time``. Time that only runs forward
(``time.monotonic``) never jumps, and the database has a clock of its own.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from projects.kit import database


def install(path: str) -> None:
    """Before anything else of ours is imported, which would keep the old ``now``."""
    real_time, real_time_ns = time.time, time.time_ns
    with Path(path).open("rb") as file:
        shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def shift() -> float:
        return float(struct.unpack("d", shared[:8])[0])

    def now() -> datetime:
        return datetime.fromtimestamp(real_time(), UTC) + timedelta(seconds=shift())

    database.now = now
    time.time = lambda: real_time() + shift()
    time.time_ns = lambda: real_time_ns() + int(shift() * 1e9)
