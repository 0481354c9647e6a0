"""How a Label Studio is started."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from scripts.errors import NotInstalled
from scripts.label_studio import Instance, executable, use_write_ahead_log


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance("one", 8080, tmp_path, "a@example.com", "a-password", "a-token", "a-key")


def test_secrets_are_not_on_the_command_line(instance: Instance, tmp_path: Path) -> None:
    program = tmp_path / "label-studio"
    program.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERSTUDY_LABEL_STUDIO", str(program))
        line = " ".join(instance.command)
    for secret in (instance.password, instance.token, instance.secret_key):
        assert secret not in line
        assert secret in instance.environment.values()


def test_nothing_is_reported_to_anybody(instance: Instance) -> None:
    told = instance.environment
    assert told["COLLECT_ANALYTICS"] == told["LATEST_VERSION_CHECK"] == "False"
    assert told["SENTRY_DSN"] == told["FRONTEND_SENTRY_DSN"] == ""


def test_a_missing_label_studio_says_what_to_run() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERSTUDY_LABEL_STUDIO", "/nowhere/label-studio")
        with pytest.raises(NotInstalled, match="scripts/setup"):
            executable()


def test_write_ahead_log_stays_in_the_file(instance: Instance, tmp_path: Path) -> None:
    assert not use_write_ahead_log(instance)
    path = tmp_path / "label_studio.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE task (id INTEGER)")
    assert use_write_ahead_log(instance)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
