"""How a Label Studio is started."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import httpx
import pytest

from projects.kit.label_studio import LabelStudioWriter
from scripts.errors import NotInstalled
from scripts.label_studio import Instance, executable, inherited, use_write_ahead_log
from tests.support import live
from tests.support.studio import CONFIG, import_texts

SETTINGS = """
import sys
import label_studio
sys.path.insert(0, label_studio.__path__[0])
import django
django.setup()
from django.conf import settings
from django.db import connection
print(settings.DATABASES["default"]["ENGINE"], connection.transaction_mode, settings.SECRET_KEY)
"""
PEOPLE = 6
TASKS_EACH = 10


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


def engine_and_mode(instance: Instance) -> list[str]:
    """Database engine, how its transactions begin and the secret key, as Label Studio has them."""
    done = subprocess.run(
        [str(executable().with_name("python")), "-c", SETTINGS],
        env=inherited() | instance.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.split()[-3:]


@pytest.mark.live
def test_transactions_on_sqlite_begin_as_writers(instance: Instance) -> None:
    engine = "django.db.backends.sqlite3"
    assert engine_and_mode(instance) == [engine, "IMMEDIATE", instance.secret_key]


@pytest.mark.live
def test_whoever_writes_to_label_studio_waits_for_their_turn(
    live_production: LabelStudioWriter,
) -> None:
    project = live_production.create_project("Many write at once", label_config=CONFIG)
    texts = [f"message {number}" for number in range(PEOPLE * TASKS_EACH)]
    tasks = import_texts(live_production, project, *texts)
    headers = {"Authorization": f"Token {live.TOKEN}", "Connection": "close"}

    def work(person: int) -> list[int]:
        codes = []
        with httpx.Client(base_url=live_production.url, headers=headers, timeout=60) as http:
            for task in tasks[person::PEOPLE]:
                codes += [
                    http.get(f"/api/projects/{project.id}/next").status_code,
                    http.post(f"/api/tasks/{task}/annotations/", json={"result": []}).status_code,
                ]
        return codes

    with ThreadPoolExecutor(PEOPLE) as people:
        codes = Counter(chain.from_iterable(people.map(work, range(PEOPLE))))
    assert codes == {200: len(tasks), 201: len(tasks)}
