"""Fixtures for everyone: the fake Label Studio, and real servers started when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser
from xdist.remote import Producer

from projects.kit.label_studio import LabelStudioWriter
from scripts import label_studio
from scripts.errors import NotInstalled
from tests.fakes.label_studio import FakeLabelStudio
from tests.support import browser, live, postgres, receiver, sharing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    here = Path(__file__).parent
    items.sort(key=lambda item: sharing.place(item.path.relative_to(here).as_posix()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> sharing.Scheduler:
    """Where several processes share the tests, those that share servers stay together."""
    return sharing.Scheduler(config, log)


def absent(reason: str) -> NoReturn:
    """Skip, or fail where everything has to be there (``UNDERSTUDY_REQUIRE_LIVE=1``)."""
    if os.environ.get("UNDERSTUDY_REQUIRE_LIVE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def fake() -> FakeLabelStudio:
    """A new, empty Label Studio in memory."""
    return FakeLabelStudio()


@pytest.fixture(scope="session")
def live_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[live.LiveServers]:
    """The real servers that this session asks for."""
    try:
        label_studio.executable()
    except NotInstalled as error:
        absent(str(error))
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    folder = tmp_path_factory.mktemp("label-studio")
    servers = live.LiveServers(folder, asked & {"live_production", "live_sandbox"})
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def live_production(live_servers: live.LiveServers) -> Iterator[LabelStudioWriter]:
    """The administrator's client of a real production instance."""
    writer = live_servers.get("live_production").writer()
    yield writer
    writer.close()


@pytest.fixture(scope="session")
def live_sandbox(live_servers: live.LiveServers) -> Iterator[LabelStudioWriter]:
    """The administrator's client of a second real instance."""
    writer = live_servers.get("live_sandbox").writer()
    yield writer
    writer.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    """One PostgreSQL server for the session."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.running())
        except postgres.NoPostgres as error:
            absent(f"PostgreSQL cannot run here: {error}")
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Postgres) -> Iterator[str]:
    """A new database on a real PostgreSQL server."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; open a context per test."""
    executable = browser.find_chromium()
    if executable is None:
        absent(f"none of {', '.join(browser.COMMANDS)} is installed")
    with browser.running(executable) as running:
        yield running


@pytest.fixture
def webhook_receiver() -> Iterator[receiver.Receiver]:
    """A real HTTP server that remembers what is posted to it."""
    with receiver.listening() as listening:
        yield listening
