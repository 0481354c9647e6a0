"""What a tool can check, a tool checks: style, types, layers, sizes, documents and locks."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PACKAGES = ("projects", "backend_ml", "sandbox_sync", "scripts")
MODULE_LINES = 400
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# Written in two parts, so that this file does not find itself.
FORBIDDEN = {
    "a package index": re.compile("pypi" + r"\.org|pythonhosted" + r"\.org|index" + "-url", re.I),
    "somebody's home": re.compile(r"/(?:home|Users)" + r"/\w+/|/root" + "/"),
}


def tracked(*patterns: str) -> list[Path]:
    """Files under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.returncode == 0, listed.stderr
    names = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in names if path.is_file()]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_tool_is_content(command: list[str]) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} found:\n{done.stdout}{done.stderr}", pytrace=False)


def test_modules_are_small() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in tracked("*.py")}
    large = {str(p.relative_to(ROOT)): n for p, n in lines.items() if n > MODULE_LINES}
    assert large == {}, f"more than {MODULE_LINES} lines"


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names(what: str) -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "ignore")
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


def documents() -> str:
    """Everything that people read to find their way."""
    return "\n".join(path.read_text("utf-8") for path in tracked("*.md"))


def settings_names() -> Iterator[str]:
    """The environment variables of all settings classes."""
    for package in ("backend_ml", "sandbox_sync"):
        module = importlib.import_module(f"{package}.settings")
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, BaseSettings) and found.__module__ == module.__name__:
                prefix = found.model_config.get("env_prefix", "")
                yield from (f"{prefix}{name}".upper() for name in found.model_fields)


@pytest.mark.parametrize("name", sorted(set(settings_names())))
def test_setting_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", documents()), f"{name} stands in no README and no page"


def commands() -> list[str]:
    """The subcommands of ``understudy``, those of groups with the group's name."""
    top = typer.main.get_command(importlib.import_module("scripts.cli").app)
    names = []
    for name, found in getattr(top, "commands", {}).items():
        below = getattr(found, "commands", {})
        names += [f"{name} {part}" for part in below] or [name]
    return sorted(names)


@pytest.mark.parametrize("name", commands())
def test_command_is_documented(name: str) -> None:
    assert re.search(rf"understudy {name}\b", documents()), f"understudy {name} is nowhere"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_has_a_hash_for_every_requirement(lock: Path) -> None:
    text = lock.read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert requirements, "an empty lock locks nothing"
    assert [r for r in requirements if "==" not in r or "--hash=sha256:" not in r] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_contains_no_address(lock: Path) -> None:
    lines = lock.read_text("utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


@pytest.mark.parametrize("document", tracked("*.md"), ids=str)
def test_links_of_documents_lead_somewhere(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    inside = [link for link in links if "://" not in link]
    missing = [link for link in inside if not ((ROOT / document).parent / link).exists()]
    assert not missing


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for path in tracked(*(f"{package}/**.py" for package in PACKAGES)):
        text = path.read_text("utf-8")
        if text.strip() and ast.get_docstring(ast.parse(text)) is None:
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
