"""A new Label Studio begins with a database whose migrations have run."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from scripts import prepared
from scripts.label_studio import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    folder = tmp_path / "data"
    return Instance("one", 8080, folder, "a@example.com", "a-password", "a-token", "a-key")


def count(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.live
def test_a_new_instance_has_the_tables_and_nobody_in_them(instance: Instance) -> None:
    assert prepared.begin_with(instance)
    database = instance.folder / prepared.DATABASE
    assert count(database, "django_migrations") > 100
    assert count(database, "htx_user") == count(database, "organization") == 0
    said: list[str] = []
    other = Instance("two", 8081, instance.folder / "two", "b@example.com", "", "", "")
    assert prepared.begin_with(other, said.append)
    assert said == []  # it was there


def test_an_instance_that_has_a_database_keeps_it(instance: Instance) -> None:
    instance.folder.mkdir()
    (instance.folder / prepared.DATABASE).write_text("mine")
    assert not prepared.begin_with(instance)
    assert (instance.folder / prepared.DATABASE).read_text() == "mine"


def test_on_another_database_nothing_is_copied(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_DB", "default")
    assert not prepared.begin_with(instance)
    assert not instance.folder.exists()


@pytest.mark.parametrize("packages", ["", "lib/python3.11/site-packages"])
def test_where_it_cannot_be_made_label_studio_is_left_to_do_it(
    packages: str, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "there" / "bin" / "label-studio"
    program.parent.mkdir(parents=True)
    program.touch()
    if packages:
        (tmp_path / "there" / packages / "label_studio-1.0.dist-info").mkdir(parents=True)
    monkeypatch.setenv("UNDERSTUDY_LABEL_STUDIO", str(program))
    assert not prepared.begin_with(instance)
    assert not (instance.folder / prepared.DATABASE).exists()
    assert list((tmp_path / "there").glob(f"{prepared.PART}*")) == []
