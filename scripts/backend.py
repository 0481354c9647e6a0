"""The ML backend's settings and database, opened from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from backend_ml.settings import Settings
from backend_ml.workshop import Workshop, open_workshop
from projects.kit.errors import PlatformError
from scripts.state import State, read_json, write_json

PREFIX = "BACKEND_ML_"


class NeverStarted(PlatformError):
    """The state folder does not say what the ML backend is started with."""

    status = 409

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return (
            f"Understudy has never been started on {self.folder}, so there are no models there. "
            "Run 'understudy up' first, or name another folder with --state."
        )


def remember(state: State, environment: Mapping[str, str]) -> None:
    """Write down what the backend's processes are started with; only the owner can read it.

    ``environment`` is what they are given beside the environment of this process,
    which they see too.
    """
    known = {**os.environ, **environment}
    given = {name: value for name, value in known.items() if name.startswith(PREFIX)}
    write_json(state.backend_file, given)


def backend_settings(folder: Path) -> Settings:
    """The settings of the worker that 'understudy up' last started on this state folder.

    Raises
    ------
    NeverStarted
        When there is no such worker.
    """
    given = read_json(State(folder).backend_file)
    if given is None:
        raise NeverStarted(folder)
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    values = {
        names[name]: _value(names[name], text) for name, text in given.items() if name in names
    }
    return Settings(**values)


def open_backend(folder: Path) -> Workshop:
    """The workshop of that worker, beside it: its database, its models, its Label Studio."""
    return open_workshop(backend_settings(folder))


def _value(name: str, text: str) -> Any:
    """As the environment gives it: tables and lists are JSON."""
    several = get_origin(Settings.model_fields[name].annotation) in (dict, list, tuple)
    return json.loads(text) if several else text
