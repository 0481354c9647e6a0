"""The folder is the registry: a new file is a new name, with no list to edit."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

from projects.kit.errors import UnknownName


def names(package: ModuleType) -> tuple[str, ...]:
    """The public modules and folders of ``package``, sorted."""
    found = (info.name for info in pkgutil.iter_modules(package.__path__))
    hidden = {"base"}
    return tuple(sorted(name for name in found if name not in hidden and name[0] != "_"))


def load(package: ModuleType, name: str) -> ModuleType:
    """The module ``name`` of ``package``; imported only when asked for.

    Raises
    ------
    UnknownName
        When the package has no such file; the error lists those it has.
    """
    known = names(package)
    if name not in known:
        raise UnknownName(name, known)
    return import_module(f"{package.__name__}.{name}")
