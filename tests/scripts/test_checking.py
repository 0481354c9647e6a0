"""Settings that cannot be are named before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.checking import BadSettings, check
from scripts.programs import House
from scripts.state import State


@pytest.fixture
def house(tmp_path: Path) -> House:
    state = State(tmp_path / "state")
    state.prepare()
    return House(state, state.ports(), state.secrets())


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SANDBOX_SYNC_GOLD_SHARE": "0.25", "SANDBOX_SYNC_REVEAL": "final"},
        {"SANDBOX_SYNC_EXPIRE_DAYS": "7", "SANDBOX_SYNC_CONTEXT_HOSTS": '["wiki.example"]'},
        {"BACKEND_ML_LEARNERS": '{"1": "choice_linear"}', "BACKEND_ML_BATCH_SIZE": "20"},
        {"SANDBOX_SYNC_SLACK_TOKEN": "", "UNDERSTUDY_PYTHON": "python3", "HOME": "/"},
    ],
)
def test_what_people_set_is_taken(house: House, environment: dict[str, str]) -> None:
    check(house, environment)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SANDBOX_SYNC_GOLD_SHARE", "2", "less than or equal to 1"),
        ("SANDBOX_SYNC_REVEAL", "never", "'off', 'open' or 'final'"),
        ("SANDBOX_SYNC_EXPIRE_DAYS", "soon", "valid number"),
        ("SANDBOX_SYNC_PRODUCTION_CONTACTS", "desk@example.com", "it is not JSON"),
        ("SANDBOX_SYNC_GOLDSHARE", "0.2", "is SANDBOX_SYNC_GOLD_SHARE meant?"),
        ("SANDBOX_SYNC_X", "1", "docs/settings.md lists them"),
        ("BACKEND_ML_BATCHSIZE", "9", "is BACKEND_ML_BATCH_SIZE meant?"),
        ("BACKEND_ML_RANDOM_SHARE", "-1", "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_named(house: House, name: str, value: str, words: str) -> None:
    with pytest.raises(BadSettings) as refused:
        check(house, {name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert words in str(refused.value)


def test_every_problem_is_named_at_once_and_no_value_is_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_SYNC_METRICS_KEY", "too-short")
    monkeypatch.setenv("BACKEND_ML_SEED", "x")
    with pytest.raises(BadSettings) as refused:
        check(house, os.environ)
    said = str(refused.value)
    assert "SANDBOX_SYNC_METRICS_KEY" in said
    assert "BACKEND_ML_SEED" in said
    assert "too-short" not in said
