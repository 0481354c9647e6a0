"""docs/settings.md and the settings classes say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from backend_ml.settings import Settings as BackendSettings
from projects.kit.read_gateway import ReadGatewaySettings
from sandbox_sync.settings import Settings as SyncSettings

PAGE = (Path(__file__).parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
CLASSES: tuple[type[BaseSettings], ...] = (SyncSettings, BackendSettings, ReadGatewaySettings)
IN_WORDS = {
    "SANDBOX_SYNC_DATABASE_URL": "SQLite in the folder",
    "SANDBOX_SYNC_WEBHOOK_URL": "the public one",
    "BACKEND_ML_DATABASE_URL": "SQLite in `STATE_DIR`",
    "BACKEND_ML_TRACKING_URL": "SQLite in `STATE_DIR`",
    "BACKEND_ML_HOST_PYTHON": "that of `.venv-label-studio-ml` if it is there, else our own",
}
"""Defaults that depend on something else."""


def fields() -> dict[str, Any]:
    """Every setting by the name of its variable."""
    return {
        f"{settings.model_config.get('env_prefix')}{name.upper()}": field
        for settings in CLASSES
        for name, field in settings.model_fields.items()
    }


def rows() -> dict[str, str]:
    """The default of every variable, as the page has it; each is explained once."""
    found: dict[str, str] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        names = re.findall(r"`([A-Z]+_[A-Z_]+)`", cells[0])
        if len(cells) != 3 or not names:
            continue
        defaults = [cells[1]] if len(names) == 1 else cells[1].split(", ")
        if len(defaults) == 1:
            defaults *= len(names)
        for name, default in zip(names, defaults, strict=True):
            assert name not in found, name
            found[name] = default.strip("`")
    return found


def written(name: str, field: Any) -> str:
    """A default as the page writes it."""
    if name in IN_WORDS:
        return IN_WORDS[name].strip("`")
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return "none"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, frozenset):
        value = sorted(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("name", sorted(fields()))
def test_every_setting_is_on_the_page_with_its_default(name: str) -> None:
    assert rows().get(name) == written(name, fields()[name])


def test_the_page_names_no_setting_that_is_not_there() -> None:
    named = set(re.findall(r"\b(?:SANDBOX_SYNC|BACKEND_ML|READ_GATEWAY)_[A-Z_]*[A-Z]\b", PAGE))
    assert named == set(fields())
