"""Help and status come at once: what is slow to import is imported by the command that needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = ("sqlalchemy", "scipy", "pandas", "sklearn", "spacy", "fastapi", "label_studio_sdk")


@pytest.mark.parametrize("name", SLOW)
def test_the_command_line_alone_does_not_import(name: str, imported: frozenset[str]) -> None:
    assert name not in imported


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """The modules of a process that has read the command line's own, and nothing else."""
    code = "import sys, scripts.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = frozenset(done.stdout.split())
    assert "scripts.hours" in found
    return found
