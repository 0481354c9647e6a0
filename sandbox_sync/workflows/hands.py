"""A few threads of this process that begin accepted work at once, before the queue is polled.

What they do is on record before they begin, and marked when it is done; whoever
dies in between leaves it to the record. So nothing here has to last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from projects.kit import logs

THREADS = {"events": 4, "sandbox-events": 3, "messages": 6}
"""By lane: events of the sandbox apart, because every member can send as many as they like."""
MOST_WAITING = 32
"""More than this in a lane goes to the queue."""

log = logs.get(__name__)


class Hands:
    """Takes work of some lanes, up to what it can begin soon."""

    def __init__(self, work: Mapping[str, Callable[..., None]]) -> None:
        self._work = work
        self._pools = {
            lane: ThreadPoolExecutor(size, thread_name_prefix=lane)
            for lane, size in THREADS.items()
        }
        self._waiting: dict[str, set[tuple[Any, ...]]] = {lane: set() for lane in THREADS}
        self._lock = threading.Lock()
        self._closed = False

    def are_free(self, lane: str) -> bool:
        """Whether work of this lane would begin soon."""
        return lane in self._pools and len(self._waiting[lane]) < MOST_WAITING

    def take(self, lane: str, name: str, *args: Any) -> None:
        """Begin soon; what waits to be begun already is not taken twice."""
        with self._lock:
            if self._closed or (name, *args) in self._waiting[lane]:
                return
            self._waiting[lane].add((name, *args))
        try:
            self._pools[lane].submit(self._do, lane, name, args)
        except RuntimeError:  # the interpreter is ending
            self._forget(lane, name, args)

    def close(self, *, wait: bool = True) -> None:
        """Take nothing more; what has begun comes to its end."""
        with self._lock:
            self._closed = True
        for pool in self._pools.values():
            pool.shutdown(wait=wait, cancel_futures=True)

    def _do(self, lane: str, name: str, args: tuple[Any, ...]) -> None:
        self._forget(lane, name, args)
        try:
            self._work[name](*args)
        except Exception as error:  # noqa: BLE001 - the record is still there, and is found again
            log.warning("hand.failed", work=name, error=type(error).__name__)

    def _forget(self, lane: str, name: str, args: tuple[Any, ...]) -> None:
        with self._lock:
            self._waiting[lane].discard((name, *args))
