"""The folder is the registry."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from projects.kit import discovery
from projects.kit.errors import UnknownName


@pytest.fixture
def package(tmp_path: Path) -> ModuleType:
    for name in ("zebra.py", "ant.py", "base.py", "_hidden.py", "notes.txt"):
        (tmp_path / name).write_text("LOADED = True\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").touch()
    made = ModuleType("found_in_a_test")
    made.__path__ = [str(tmp_path)]
    return made


def test_names_are_files_and_folders_without_base_and_private_ones(package: ModuleType) -> None:
    assert discovery.names(package) == ("ant", "folder", "zebra")


def test_a_new_file_is_a_new_name(package: ModuleType) -> None:
    (Path(package.__path__[0]) / "bee.py").touch()
    assert "bee" in discovery.names(package)


def test_only_what_is_asked_for_is_loaded(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package.__name__, package)
    assert discovery.load(package, "ant").LOADED
    assert f"{package.__name__}.zebra" not in sys.modules
    del sys.modules[f"{package.__name__}.ant"]


@pytest.mark.parametrize("name", ["missing", "base", "_hidden", ""])
def test_an_unknown_name_is_told_what_there_is(package: ModuleType, name: str) -> None:
    with pytest.raises(UnknownName, match="Known: ant, folder, zebra") as unknown:
        discovery.load(package, name)
    assert unknown.value.status == 404
