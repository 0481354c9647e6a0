"""Durable background work: the only file that imports the workflow engine (DBOS).

What the engine promises, and what it does not (measured):

* an accepted workflow is run to its end, also after a crash of the process;
* a step may run again, so every outside effect looks before it acts;
* a workflow that failed is not tried again under the same key, so whoever
  keeps the ``event`` table re-accepts it under a new one;
* work of a process that never comes back is taken over by another one on the
  same database within half a minute (``projects/kit/takeover.py``).

One process at a time may run with one ``executor_id``; :func:`launch` takes a
lock file to make sure of it.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from dbos import (
    DBOS,
    DBOSClient,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
)
from dbos import error as engine_errors
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from projects.kit import database, logs, takeover
from projects.kit.errors import PlatformError
from projects.kit.orphans import Orphans

VERSION = "1"
"""Fixed by hand: with the engine's default, each change of the code orphans unfinished work."""

KEEP = timedelta(days=1)
"""Records of finished work are deleted after this; who must know longer keeps an event table."""
PRUNE_SECONDS = 3600
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
"""The engine's own words for work that it does not touch again."""

ORPHANAGE = "_dbos_internal_queue"
"""The engine's own queue, for work that has none; ours always has one."""

log = logs.get(__name__)
P = ParamSpec("P")
R = TypeVar("R")


class AlreadyRunning(PlatformError):
    """Another process runs the same background work on the same folder."""

    status = 409

    def __init__(self, lock: str) -> None:
        super().__init__(lock)
        self.lock = lock

    def __str__(self) -> str:
        return f"Another process already holds {self.lock}; stop it first."


@dataclass(frozen=True)
class Lane:
    """A queue of workflows; with ``one_per_key``, never two of one key at once."""

    name: str
    concurrency: int = 4
    one_per_key: bool = False
    poll_seconds: float = 0.2


def workflow(*, name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function of plain JSON arguments as a durable workflow called ``name``."""
    return DBOS.workflow(name=name)


def step(*, name: str, attempts: int = 5) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark one effect; it is tried again with back-off when its trouble may pass."""
    return DBOS.step(
        name=name,
        retries_allowed=attempts > 1,
        max_attempts=attempts,
        interval_seconds=0.5,
        should_retry=database.will_pass,
    )


def prepare(url: str) -> None:
    """Create the engine's own tables at ``url``; safe to repeat, and from several processes.

    A process that only accepts work needs this: accepting does not create tables.
    """
    DBOS.migrate(url.replace("postgresql://", "postgresql+psycopg://"))


class Acceptor:
    """Hands work over to the engine, inside the caller's own transaction."""

    def __init__(self, *, name: str, url: str) -> None:
        self._database = database.make_engine(url, immediate=False)
        self._client = DBOSClient(
            system_database_engine=self._database,
            application_name=name,
            serializer=DBOSPortableJSONSerializer(),
        )

    def accept(
        self,
        session: Session,
        lane: Lane,
        workflow_name: str,
        *args: Any,
        key: str,
        lane_key: str | None = None,
    ) -> bool:
        """Enqueue ``workflow_name(*args)`` once per ``key``; False when the key is known.

        Raises
        ------
        ValueError
            When a lane that runs one per key is not given a key: the engine
            would accept the work and never start it.
        """
        if lane.one_per_key != (lane_key is not None):
            raise ValueError(f"lane {lane.name}: one_per_key is {lane.one_per_key}")
        options: EnqueueOptions = {
            "queue_name": lane.name,
            "workflow_name": workflow_name,
            "workflow_id": key,
            "app_version": VERSION,
            "workflow_id_reuse_policy": "reject",
        }
        if lane_key is not None:
            options["queue_partition_key"] = lane_key
        try:
            with session.begin_nested():
                self._client.enqueue_in_transaction(session, options, *args)
        except engine_errors.DBOSWorkflowIDInUseError:
            return False
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._client.destroy()
        self._database.dispose()


class Engine:
    """The running half: starts the workers of one process, and stops them."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        executor_id: str,
        lock: Path,
        dead_seconds: float = takeover.DEAD_SECONDS,
    ) -> None:
        self._lock_path = lock
        self._lock: IO[str] | None = None
        self._name = name
        self._database = database.make_engine(url, immediate=False)
        self._executor_id = executor_id
        self._dead_seconds = dead_seconds
        self._running: DBOS | None = None
        self._watch: takeover.Watch | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def launch(self, lanes: Sequence[Lane]) -> None:
        """Recover unfinished work and begin to serve ``lanes``."""
        self._lock = _take_lock(self._lock_path)
        self._running = DBOS(
            config={
                "name": self._name,
                "application_version": VERSION,
                "executor_id": self._executor_id,
                "log_level": "WARNING",
                "system_database_engine": self._database,
                "serializer": DBOSPortableJSONSerializer(),
            }
        )
        _log_as_we_do()
        watch = self._watch = takeover.Watch(
            self._database,
            application=self._name,
            executor_id=self._executor_id,
            recover=_recover,
            dead_seconds=self._dead_seconds,
        )
        watch.prepare()
        DBOS.launch()
        for lane in lanes:
            DBOS.register_queue(
                lane.name,
                worker_concurrency=lane.concurrency,
                partition_concurrency=1 if lane.one_per_key else None,
                polling_interval_sec=lane.poll_seconds,
            )
        beat_seconds = min(takeover.BEAT_SECONDS, self._dead_seconds / 4)
        self.every(beat_seconds, watch.beat, name="beat")
        self.every(beat_seconds, watch.look, name="watch")
        self.every(beat_seconds, _orphans(self._running, self._executor_id).look, name="orphans")
        self.every(PRUNE_SECONDS, lambda: prune(database.now() - KEEP), name="prune")

    def every(self, seconds: float, function: Callable[[], object], *, name: str) -> None:
        """Call ``function`` again and again; an error is logged and does not end the loop.

        Not durable, and need not be: only for work that finds by itself what is left to do.
        """

        def loop() -> None:
            while not self._stop.wait(seconds):
                try:
                    function()
                except Exception as error:  # noqa: BLE001 - the loop must outlive any one run
                    why = error.in_logs() if isinstance(error, PlatformError) else ""
                    log.warning(
                        "periodic.failed", work=name, error=type(error).__name__, why=why[:300]
                    )

        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, *, patience_seconds: int = 2) -> None:
        """End the periodic work and the workers; unfinished work is recovered next time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._watch is not None:
            with suppress(SQLAlchemyError):
                self._watch.leave()
        DBOS.destroy(workflow_completion_timeout_sec=patience_seconds)
        self._database.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def prune(before: datetime) -> int:
    """Delete the engine's own records of workflows that ended before ``before``.

    However they ended: also those that failed, which run again only under a new key.
    """
    deleted = 0
    while done := DBOS.list_workflows(
        status=ENDED,
        completed_before=before.isoformat(),
        limit=500,
        load_input=False,
        load_output=False,
    ):
        DBOS.delete_workflows([row.workflow_id for row in done])
        deleted += len(done)
    return deleted


def _recover(executor_id: str) -> int:
    """How many workflows of another process go on here now. A private call: the version is pinned.

    They keep their queue, and with it the one-per-key order.
    """
    return len(DBOS._recover_pending_workflows([executor_id]))  # noqa: SLF001


def _orphans(running: DBOS, executor_id: str) -> Orphans:
    """Private calls, too. Of two that do the same work the engine lets one finish."""
    system = running._sys_db  # noqa: SLF001
    return Orphans(
        begun=lambda: [
            row.workflow_id for row in system.get_pending_workflows(executor_id, VERSION)
        ],
        at_work=running._active_workflows_set.activeList,  # noqa: SLF001
        again=lambda key: system.reenqueue_for_recovery(key, [executor_id], ORPHANAGE),
    )


def _log_as_we_do() -> None:
    """Not to a console of its own, with whole errors: their words may be somebody's text."""
    library = logging.getLogger("dbos")
    library.handlers.clear()
    library.propagate = True


def _take_lock(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise AlreadyRunning(str(path)) from error
    return handle
