"""The long form of the faults, made short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli import app


@pytest.mark.timeout(300)
def test_two_kills_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ["bench", "faults", "--json", str(file), "--kills", "2", "--seed", "3"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "of 2 kills" in done.stderr
    found = json.loads(file.read_text())
    survived, wrong = (
        found["figures"][name] for name in ("kills_survived", "invariant_violations")
    )
    assert survived["value"] >= 2
    assert survived["ok"] is False  # the goal is 200
    assert (wrong["value"], wrong["ok"]) == (0, True)
    details = found["details"]["faults"]
    assert (details["label_studio"], details["database"]) == ("stand-ins", "sqlite")
    assert sum(one["kills"] for one in details["by_trouble"].values()) == details["kills"]
