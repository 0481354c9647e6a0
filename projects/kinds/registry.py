"""The kinds that exist: every folder here with a ``kind.py``."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from projects import kinds
from projects.kinds.base import Kind
from projects.kit import discovery


def names() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(name for name in discovery.names(kinds) if name != "registry")


def load(name: str) -> Kind:
    """The kind called ``name``; raises :class:`UnknownName` when no folder has it."""
    discovery.load(kinds, name)
    return cast(Kind, import_module(f"{kinds.__name__}.{name}.kind").KIND)


def all_kinds() -> tuple[Kind, ...]:
    """Every kind, in the order of names."""
    return tuple(load(name) for name in names())
