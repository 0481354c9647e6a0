"""The database kit behaves the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from projects.kit import database
from projects.kit.database import Sessions, UtcTime

MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)

ENVIRONMENT = """
from alembic import context

from projects.kit import database

engine = database.make_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
engine.dispose()
"""

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = {before}


def upgrade() -> None:
    op.create_table("made_by_{number}", sa.Column("id", sa.Integer, primary_key=True))
"""


class Base(DeclarativeBase):
    pass


class Visit(Base):
    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[datetime | None] = mapped_column(UtcTime())


class Counter(Base):
    __tablename__ = "counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    engine = database.make_engine(database_url)
    Base.metadata.create_all(engine)
    yield database.sessions(engine)
    engine.dispose()


def count(sessions: Sessions) -> int:
    with database.transaction(sessions) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Visit)) or 0


@pytest.mark.parametrize("hours", [-5, 0, 2])
def test_a_moment_comes_back_aware_and_the_same(sessions: Sessions, hours: int) -> None:
    here = MOMENT.astimezone(timezone(timedelta(hours=hours)))
    with database.transaction(sessions) as session:
        session.add(Visit(seen=here))
    with database.transaction(sessions) as session:
        seen = session.scalars(sa.select(Visit.seen)).one()
    assert seen == MOMENT
    assert seen is not None
    assert seen.utcoffset() == timedelta(0)


def test_no_moment_stays_none(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add(Visit(seen=None))
        session.flush()
        assert session.scalars(sa.select(Visit.seen)).one() is None


def test_moments_compare_in_queries(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add_all([Visit(seen=MOMENT), Visit(seen=MOMENT + timedelta(microseconds=1))])
        session.flush()
        later = sa.select(sa.func.count()).select_from(Visit).where(Visit.seen > MOMENT)
        assert session.scalar(later) == 1


def test_a_moment_without_a_zone_is_refused(sessions: Sessions) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        store_naive(sessions)


def store_naive(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add(Visit(seen=MOMENT.replace(tzinfo=None)))


def test_an_error_does_not_show_the_values(sessions: Sessions) -> None:
    with pytest.raises(sa.exc.DBAPIError) as caught, database.transaction(sessions) as session:
        session.execute(sa.text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": "their words"})
    assert "their words" not in str(caught.value)


def test_now_is_aware() -> None:
    assert database.now().utcoffset() == timedelta(0)


def test_a_transaction_commits_at_its_end(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add(Visit(seen=MOMENT))
    assert count(sessions) == 1


def test_an_error_takes_everything_back(sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError):
        store_and_fail(sessions)
    assert count(sessions) == 0


def store_and_fail(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add(Visit(seen=MOMENT))
        session.flush()
        raise ZeroDivisionError


def test_objects_stay_readable_after_the_commit(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        visit = Visit(seen=MOMENT)
        session.add(visit)
    assert visit.seen == MOMENT


def test_concurrent_changes_of_one_row_are_all_kept(sessions: Sessions) -> None:
    with database.transaction(sessions) as session:
        session.add(Counter(id=1, value=0))

    def add_one() -> None:
        with database.transaction(sessions) as session:
            row = session.get_one(Counter, 1, with_for_update=True)
            time.sleep(0.01)
            row.value += 1

    threads = [threading.Thread(target=add_one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction(sessions) as session:
        assert session.get_one(Counter, 1).value == 10


def test_migrating_adds_what_is_missing_and_can_be_repeated(
    database_url: str, tmp_path: Path
) -> None:
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(ENVIRONMENT)
    write_revision(scripts, "0001", None)
    database.migrate(database_url, scripts)
    assert made(database_url) == {"made_by_0001"}
    write_revision(scripts, "0002", "0001")
    for _ in range(2):
        database.migrate(database_url, scripts)
        assert made(database_url) == {"made_by_0001", "made_by_0002"}


def write_revision(scripts: Path, number: str, before: str | None) -> None:
    text = REVISION.format(number=number, before=repr(before))
    (scripts / "versions" / f"{number}.py").write_text(text)


def made(url: str) -> set[str]:
    engine = database.make_engine(url)
    found = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return {name for name in found if name.startswith("made_by")}
