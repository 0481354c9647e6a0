"""One way to a database: SQLite by default, PostgreSQL by its URL.

The SQLite settings are those measured for durable acknowledgement: write-ahead
log, full synchronisation, a small pool so that waiters queue fairly, and
transactions that take the write lock at their beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

SQLITE_PRAGMAS = (
    "busy_timeout=30000",
    "foreign_keys=ON",
    "journal_mode=WAL",
    "synchronous=FULL",
)
SQLITE_POOL = 4
POSTGRES_POOL = 20

Sessions = sessionmaker[Session]


def make_engine(url: str, *, immediate: bool = True) -> sa.Engine:
    """An engine for ``url``; ``immediate`` takes SQLite's write lock at BEGIN.

    Its errors do not show the values of a statement: they may be somebody's text.
    """
    if not url.startswith("sqlite"):
        url = url.replace("postgresql://", "postgresql+psycopg://")
        return sa.create_engine(
            url,
            pool_size=POSTGRES_POOL,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    engine = sa.create_engine(url, pool_size=SQLITE_POOL, max_overflow=0, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None if immediate else "IMMEDIATE"
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    if immediate:

        @event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def sessions(engine: sa.Engine) -> Sessions:
    """A factory of sessions whose objects stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(factory: Sessions) -> Iterator[Session]:
    """One session, one transaction, committed at the end or not at all."""
    with factory() as session, session.begin():
        yield session


def will_pass(error: BaseException) -> bool:
    """Whether the same may work a moment later: a server away, a lock, a lost connection."""
    return isinstance(error, OperationalError) or bool(getattr(error, "retryable", False))


def migrate(url: str, scripts: Path) -> None:
    """Bring the database at ``url`` to the newest revision in the folder ``scripts``."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware UTC datetime on both databases (SQLite forgets the zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}; every moment we store is in UTC")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
