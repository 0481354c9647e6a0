"""The settings that ``understudy up`` was started with, looked at before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from backend_ml.settings import Settings as BackendSettings
from projects.kit.errors import BadInput
from sandbox_sync.settings import Settings as SyncSettings
from scripts.programs import House

SYNC, BACKEND = "SANDBOX_SYNC_", "BACKEND_ML_"


class BadSettings(BadInput):
    """One or several settings that cannot be, each with its name."""


def check(house: House, environment: Mapping[str, str]) -> None:
    """Raise ``BadSettings`` for a value that cannot be, and for a name that is none of ours."""
    problems = _unknown(SYNC, SyncSettings, environment)
    problems += _unknown(BACKEND, BackendSettings, environment)
    sync = {**environment, **house.sync_environment("{}")}
    problems += _wrong(SYNC, SyncSettings, sync)
    # Which projects there are is only known later, so what they learn with is checked then.
    backend = {**environment, **house.backend_environment({})} | {f"{BACKEND}LEARNERS": "{}"}
    problems += _wrong(BACKEND, BackendSettings, backend)
    if problems:
        raise BadSettings("\n".join(problems))


def _unknown(
    prefix: str, settings: type[BaseSettings], environment: Mapping[str, str]
) -> list[str]:
    known = [name.upper() for name in settings.model_fields]
    problems = []
    for name in sorted(environment):
        rest = name.removeprefix(prefix)
        if name.startswith(prefix) and rest not in known:
            near = get_close_matches(rest, known, n=1)
            hint = f"is {prefix}{near[0]} meant?" if near else "docs/settings.md lists them"
            problems.append(f"{name}: there is no such setting; {hint}")
    return problems


def _wrong(prefix: str, settings: type[BaseSettings], environment: Mapping[str, str]) -> list[str]:
    values: dict[str, Any] = {}
    for name, field in settings.model_fields.items():
        text = environment.get(f"{prefix}{name.upper()}")
        if text is None:
            continue
        try:
            is_json = get_origin(field.annotation) in (dict, list, frozenset)
            values[name] = json.loads(text) if is_json else text
        except ValueError:
            return [f"{prefix}{name.upper()}: it is not JSON"]
    try:
        settings(**values)
    except ValidationError as error:
        return [
            f"{prefix}{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False)
        ]
    return []
