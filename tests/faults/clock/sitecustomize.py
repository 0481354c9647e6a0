"""The clock of a process, shifted by what stands in a file; see tests/faults.

Python reads a module of this name before any other. The file holds one double,
the seconds to add, and may change at any moment, as a clock that jumps does.
"""

from __future__ import annotations

import datetime as _datetime
import mmap
import os
import struct
import time
from typing import Any

_real_time, _real_time_ns = time.time, time.time_ns
_Real = _datetime.datetime


def _install(path: str) -> None:
    with open(path, "rb") as file:
        shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def shift() -> float:
        return float(struct.unpack("d", shared[:8])[0])

    class _Instances(type):
        def __instancecheck__(cls, thing: object) -> bool:
            return isinstance(thing, _Real)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, _Real)

    class datetime(_Real, metaclass=_Instances):  # noqa: N801 - it stands in for that class
        """The same class with another idea of now."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _Real.now(tz) + _datetime.timedelta(seconds=shift())

        @classmethod
        def utcnow(cls) -> Any:
            return _Real.now(_datetime.UTC).replace(tzinfo=None) + _datetime.timedelta(
                seconds=shift()
            )

    time.time = lambda: _real_time() + shift()
    time.time_ns = lambda: _real_time_ns() + int(shift() * 1e9)
    _datetime.datetime = datetime  # type: ignore[misc]


if _path := os.environ.get("TEST_CLOCK_FILE"):
    _install(_path)
