"""Finding a model's class, and telling its style. Runs in the model's own process."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from . import stand_in  # this folder has another name there


def load_class(path: Path, name: str) -> tuple[Any, str]:
    """The class of a model file, and the genuine package that it stands on: v1, v2 or none.

    When the installed package is of the other style than the class, the file is loaded
    again on the stand-in, which serves both.
    """
    sys.path.insert(0, str(path.parent))
    package = stand_in.installed()
    if package:
        before = set(sys.modules)
        try:
            found = _class_of(path, name)
        except ImportError as error:
            if not (error.name or "").startswith("label_studio_ml"):
                raise
        else:
            if style(found, package) == package:
                return found, package
        for module in set(sys.modules) - before:
            if module.split(".")[0] == "label_studio_ml" or _is_beside(module, path):
                del sys.modules[module]
    stand_in.install()
    return _class_of(path, name), ""


def _is_beside(module: str, path: Path) -> bool:
    file = getattr(sys.modules[module], "__file__", None)
    return file is not None and Path(file).parent == path.parent


def _class_of(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # pickle looks for classes there
    spec.loader.exec_module(module)
    return getattr(module, name)


def style(model: Any, otherwise: str) -> str:
    """``v1`` or ``v2``: by the constructor where the class has one, else by its methods."""
    own = next(c for c in model.__mro__ if "__init__" in vars(c))
    if not _is_base(own):
        names = parameters(own.__init__)
        if "train_output" in names:
            return "v1"
        if "project_id" in names:
            return "v2"
    written = {n for c in model.__mro__ if not _is_base(c) for n in vars(c)}
    if "setup" in written or "context" in parameters(model.predict):
        return "v2"
    if "fit" in written:
        return "v2" if takes_events(model) else "v1"
    return otherwise


def _is_base(model: Any) -> bool:
    return model is object or model.__module__.split(".")[0] in ("label_studio_ml", "abc")


def takes_events(model: Any) -> bool:
    """Whether ``fit`` wants an event, not a list of tasks."""
    fit = getattr(model, "fit", None)
    return fit is not None and next(iter(parameters(fit, skip_self=True)), "") == "event"


def parameters(function: Any, *, skip_self: bool = False) -> dict[str, inspect.Parameter]:
    """What a function takes, by name."""
    found = dict(inspect.signature(function).parameters)
    if skip_self:
        found.pop("self", None)
    return found
