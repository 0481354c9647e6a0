"""What a model was trained with and keeps in a file beside it, known again by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path


def save(written: str | None, folder: Path, name: str) -> dict[str, str]:
    """Write ``name``.json, if there is something to write; what to note of it."""
    if written is None:
        return {}
    _path(folder, name).write_text(written, encoding="utf-8")
    return {name: _digest(written)}


def load(folder: Path, name: str, notes: Mapping[str, str]) -> str | None:
    """What was written; ``None`` where the notes know of nothing.

    Raises
    ------
    ValueError
        When it is not what was saved.
    """
    if name not in notes:
        return None
    path = _path(folder, name)
    written = path.read_text(encoding="utf-8")
    if _digest(written) != notes[name]:
        raise ValueError(f"{path.name} is not the file that was saved")
    return written


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _digest(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()
