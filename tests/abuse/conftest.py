"""A web process with two projects of one kind, one of another, and a full dump of its tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend_ml.app import create_app
from backend_ml.settings import Settings
from projects.kinds import registry
from projects.kit import database
from tests.backend_ml.conftest import clock, make_desk, make_settings
from tests.support.wire import BASIC, serve

__all__ = ["clock", "make_desk"]
INTENT, DETAILS, UNTRAINED, OTHER = 1, 2, 3, 99
"""Projects; nothing serves the third, and the settings do not name the last."""
Dump = dict[str, tuple[int, str]]
"""Rows of each table, and a digest of them."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("abuse")
    projects = {INTENT: "intent", DETAILS: "details", UNTRAINED: "intent"}
    return make_settings(folder, projects=projects)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[FastAPI]:
    made = create_app(settings)
    for project_id, name in ((INTENT, "intent"), (DETAILS, "details")):
        serve(settings, project_id, registry.load(name))
    yield made
    made.state.close()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers=BASIC, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def dump(settings: Settings) -> Iterator[Callable[[], Dump]]:
    """A digest of every table of the database, the engine's own included."""
    engine = database.make_engine(settings.database_url, immediate=False)

    def read() -> Dump:
        with engine.connect() as connection:
            tables = sorted(sa.inspect(connection).get_table_names())
            return {name: _digest(connection, name) for name in tables}

    yield read
    engine.dispose()


def _digest(connection: sa.Connection, table: str) -> tuple[int, str]:
    rows = sorted(
        repr(tuple(row)) for row in connection.execute(sa.text(f'SELECT * FROM "{table}"'))
    )
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
