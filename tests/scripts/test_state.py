"""The state folder: secrets made once, ports remembered."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from scripts.state import Ports, State, read_json, write_json


@pytest.fixture
def state(tmp_path: Path) -> State:
    place = State(tmp_path / "state")
    place.prepare()
    return place


def test_secrets_are_made_once_and_differ_from_each_other(state: State) -> None:
    first = state.secrets()
    assert state.secrets() == first
    values = list(vars(first).values())
    assert len(set(values)) == len(values)
    assert all(len(value) >= 16 for value in values)
    assert len(first.production_token) == 40  # Label Studio takes no other length


def test_secrets_can_be_read_by_their_owner_only(state: State) -> None:
    state.secrets()
    assert stat.S_IMODE(state.secrets_file.stat().st_mode) == 0o600


def test_secrets_of_an_older_version_are_kept_and_completed(state: State) -> None:
    write_json(state.secrets_file, {"production_token": "kept"})
    assert state.secrets().production_token == "kept"
    assert len(state.secrets().session_key) == 40


def test_ports_are_defaults_then_remembered_then_chosen(state: State) -> None:
    assert state.ports() == Ports()
    state.remember(Ports(sandbox=1234))
    assert state.ports(backend=None).sandbox == 1234
    assert state.ports(sandbox=99).sandbox == 99


def test_half_written_json_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": ')
    assert read_json(path) is None
    write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["x.json"]
