"""The command line sees the ML backend as its own processes do."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend_ml.tables import VersionRow
from projects.kinds import registry
from scripts.backend import NeverStarted, backend_settings, open_backend, remember
from scripts.programs import House
from scripts.state import Ports, State


@pytest.fixture
def house(tmp_path: Path) -> House:
    state = State(tmp_path / "state")
    state.prepare()
    return House(state, Ports(production=18080), state.secrets())


def test_settings_are_those_that_up_gave(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = dict(enumerate(registry.names(), start=4))
    monkeypatch.setenv("BACKEND_ML_BATCH_SIZE", "7")
    remember(house.state, house.backend_environment(kinds))
    monkeypatch.delenv("BACKEND_ML_BATCH_SIZE")
    settings = backend_settings(house.state.folder)
    assert settings.projects == kinds
    assert settings.batch_size == 7
    assert settings.label_studio_url == "http://127.0.0.1:18080"
    assert settings.label_studio_token.get_secret_value() == house.secrets.production_token
    assert settings.database_url.endswith("backend_ml/backend_ml.sqlite")


def test_what_up_gave_can_be_read_by_its_owner_only(house: House) -> None:
    remember(house.state, house.backend_environment({}))
    assert stat.S_IMODE(house.state.backend_file.stat().st_mode) == 0o600


def test_the_backend_opens_on_its_own_database(house: House) -> None:
    remember(house.state, house.backend_environment({4: registry.names()[0]}))
    workshop = open_backend(house.state.folder)
    with workshop.reading() as session:
        assert session.scalar(sa.select(sa.func.count(VersionRow.id))) == 0
    assert (house.state.folder / "backend_ml" / "backend_ml.sqlite").exists()
    for factory in (workshop.sessions, workshop.reading):
        factory.kw["bind"].dispose()


def test_without_up_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(NeverStarted, match="understudy up"):
        backend_settings(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
