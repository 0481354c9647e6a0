"""Who is alive among the processes of one database, and whose work has to be taken over.

Each process notes every few seconds that it is there, by the clock of the
database. One that has not for long is dead, and one of the others takes over
what it left. A process that was only slow loses nothing: the engine lets only
one of two finish, and every step looks before it acts.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from projects.kit import logs

BEAT_SECONDS = 3.0
DEAD_SECONDS = 20.0
FORGOTTEN_SECONDS = 24 * 3600.0
"""What a dead process left was taken over long before; then its name is forgotten."""

log = logs.get(__name__)

_table = sa.table(
    "engine_heartbeat",
    sa.column("application", sa.String),
    sa.column("executor_id", sa.String),
    sa.column("seen", sa.Float),
    sa.column("tried", sa.Float),
)
_CREATE = """
CREATE TABLE IF NOT EXISTS engine_heartbeat (
    application VARCHAR(200) NOT NULL,
    executor_id VARCHAR(200) NOT NULL,
    seen DOUBLE PRECISION NOT NULL,
    tried DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (application, executor_id)
)
"""


class Watch:
    """The heartbeat of one process, and its eye on the others."""

    def __init__(
        self,
        database: sa.Engine,
        *,
        application: str,
        executor_id: str,
        recover: Callable[[str], int],
        dead_seconds: float = DEAD_SECONDS,
    ) -> None:
        self._database = database
        self._application = application
        self._executor_id = executor_id
        self._recover = recover
        self._dead_seconds = dead_seconds
        self._clock: sa.ColumnElement[float] = sa.literal_column(_clock(database), sa.Float())

    def prepare(self) -> None:
        """Make the table, and be alive before taking any work."""
        with self._database.begin() as connection:
            if connection.dialect.name != "sqlite":
                # Two that create one table at once: PostgreSQL refuses the second.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7203385190)")
            connection.exec_driver_sql(_CREATE)
        self.beat()

    def beat(self) -> None:
        """I am here."""
        mine = {"application": self._application, "executor_id": self._executor_id}
        with self._database.begin() as connection:
            alive = sa.update(_table).where(self._is(self._executor_id)).values(seen=self._clock)
            if not connection.execute(alive).rowcount:
                connection.execute(sa.insert(_table).values(**mine, seen=self._clock, tried=0.0))

    def leave(self) -> None:
        """What is left belongs to this name and is recovered under it; nobody need wait for it."""
        with self._database.begin() as connection:
            gone = sa.update(_table).where(self._is(self._executor_id)).values(seen=0.0)
            connection.execute(gone)

    def look(self) -> list[str]:
        """Take over from the dead; whom. One that fails in between is tried again later."""
        late = self._clock - self._dead_seconds
        dead = (
            sa.update(_table)
            .where(
                _table.c.application == self._application,
                _table.c.executor_id != self._executor_id,
                _table.c.seen < late,
                _table.c.tried < late,
            )
            .values(tried=self._clock)
            .returning(_table.c.executor_id)
        )
        with self._database.begin() as connection:
            found = list(connection.scalars(dead))
        for executor_id in found:
            if count := self._recover(executor_id):
                log.warning("executor.taken_over", executor=executor_id, workflows=count)
        with self._database.begin() as connection:
            forgotten = self._clock - FORGOTTEN_SECONDS
            old = sa.delete(_table).where(_table.c.seen < forgotten, _table.c.tried > 0.0)
            connection.execute(old.where(_table.c.application == self._application))
        return found

    def _is(self, executor_id: str) -> sa.ColumnElement[bool]:
        same = _table.c.application == self._application
        return same & (_table.c.executor_id == executor_id)


def _clock(database: sa.Engine) -> str:
    """Seconds since 1970, as the database counts them: processes may disagree."""
    if database.dialect.name == "sqlite":
        return "((julianday('now') - 2440587.5) * 86400.0)"
    return "extract(epoch from clock_timestamp())::double precision"
