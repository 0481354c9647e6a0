"""The names of the package ``label_studio_ml`` that models import, where it is not installed.

Written from the documented behaviour of both generations: 1.0.9, the last that was
published, and 2.x, which is to be had from its repository only. Nothing is read or
started at import. Runs in the model's own process.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from .parsing import (  # this folder has another name there
    DATA_UNDEFINED_NAME,
    get_choice,
    get_local_path,
    get_single_tag_keys,
    is_preload_needed,
    is_skipped,
    parse_config,
)

CACHE = "cache.json"
_lock = threading.Lock()


def installed() -> str:
    """The style of the genuine package in this environment; empty without one."""
    found = importlib.util.find_spec("label_studio_ml")
    if found is None or not found.submodule_search_locations:
        return ""
    folder = Path(next(iter(found.submodule_search_locations)))
    return "v2" if (folder / "response.py").exists() else "v1"


def install() -> None:
    """Let ``import label_studio_ml`` find what is in this file."""
    package = ModuleType("label_studio_ml")
    package.__path__ = []
    contents: dict[str, dict[str, Any]] = {
        "model": {"LabelStudioMLBase": LabelStudioMLBase},
        "response": {"ModelResponse": ModelResponse},
        "utils": {
            function.__name__: function
            for function in (get_single_tag_keys, is_skipped, get_choice, is_preload_needed)
        }
        | {"DATA_UNDEFINED_NAME": DATA_UNDEFINED_NAME, "get_local_path": get_local_path},
    }
    sys.modules["label_studio_ml"] = package
    for name, names in contents.items():
        module = ModuleType(f"label_studio_ml.{name}")
        vars(module).update(names)
        setattr(package, name, module)
        sys.modules[module.__name__] = module
    sys.meta_path.append(_Objects())


class _Objects(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """``label_studio_sdk.objects`` of the SDK's repository, which the published one calls so:"""

    NAME = "label_studio_sdk.objects"
    PUBLISHED = "label_studio_sdk.label_interface.objects"

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.NAME else None

    def exec_module(self, module: ModuleType) -> None:
        found = vars(importlib.import_module(self.PUBLISHED))
        vars(module).update({k: v for k, v in found.items() if not k.startswith("__")})


class LabelStudioMLBase:
    """The base class of both generations: what either offers its models is here."""

    INITIAL_MODEL_VERSION = "0.0.1"
    TRAIN_EVENTS = (
        "ANNOTATION_CREATED",
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "START_TRAINING",
    )

    def __init__(
        self,
        project_id: str | None = None,
        label_config: str | None = None,
        train_output: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.project_id = project_id or ""
        self.train_output = train_output or {}
        self.hostname = more.get("hostname", "")
        self.access_token = more.get("access_token", "")
        self._config = ""
        self.parsed_label_config: dict[str, Any] = {}
        if label_config is not None:
            self.use_label_config(label_config)
        if not self.has("model_version"):
            self.set("model_version", self.INITIAL_MODEL_VERSION)
        self.setup()

    def setup(self) -> None:
        """For models to override: called at the end of the constructor."""

    def predict(self, tasks: list[Any], context: Any = None, **more: Any) -> Any:
        """For models to override."""
        return []

    def fit(self, event: str, data: Any, **more: Any) -> Any:
        """For models to override."""

    def use_label_config(self, label_config: str) -> None:
        self._config = label_config
        self.parsed_label_config = parse_config(label_config)

    @property
    def label_config(self) -> str:
        return self._config

    @label_config.setter
    def label_config(self, label_config: str) -> None:
        self.use_label_config(label_config)

    @property
    def label_interface(self) -> Any:
        """The label interface of ``label-studio-sdk``, which the environment must have."""
        from label_studio_sdk.label_interface import LabelInterface  # slow to import

        return LabelInterface(config=self._config)

    @property
    def model_version(self) -> str | None:
        return self.get("model_version")

    def bump_model_version(self) -> str:
        """The next minor version: 0.0.1 becomes 0.1.0; what is no such number gets one."""
        parts = str(self.model_version).split(".")
        major, minor, *_ = [int(part) if part.isdigit() else 0 for part in (*parts, "0")]
        bumped = f"{major}.{minor + 1}.0"
        self.set("model_version", bumped)
        return bumped

    @property
    def extra_params(self) -> Any:
        """What Label Studio's form of the connection holds."""
        found = self.get("extra_params")
        return json.loads(found) if found else {}

    def set_extra_params(self, extra_params: Any) -> None:
        text = extra_params if isinstance(extra_params, str) else json.dumps(extra_params)
        self.set("extra_params", text)

    def get(self, key: str) -> str | None:
        """What :meth:`set` stored for this project, also by an earlier instance."""
        return _read_cache().get(self.project_id, {}).get(key)

    def set(self, key: str, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("Value must be a string")
        with _lock:
            cache = _read_cache()
            cache.setdefault(self.project_id, {})[key] = value
            staged = _cache_path().with_suffix(".next")
            staged.write_text(json.dumps(cache), encoding="utf-8")
            os.replace(staged, _cache_path())

    def has(self, key: str) -> bool:
        return key in _read_cache().get(self.project_id, {})

    def get_first_tag_occurence(
        self,
        control_type: Any,
        object_type: Any,
        name_filter: Any = None,
        to_name_filter: Any = None,
    ) -> tuple[str, str, str]:
        """Name of the first such control, name and data field of the object it is about."""
        controls = (control_type,) if isinstance(control_type, str) else tuple(control_type)
        objects = (object_type,) if isinstance(object_type, str) else tuple(object_type)
        for name, control in self.parsed_label_config.items():
            if control["type"] not in controls or (name_filter and not name_filter(name)):
                continue
            for to_name, given in zip(control["to_name"], control["inputs"]):  # noqa: B905
                if given["type"] in objects and (not to_name_filter or to_name_filter(to_name)):
                    return name, to_name, given["value"]
        raise ValueError(f"No control tag of type {control_type} and object tag of {object_type}")

    def build_label_map(self, tag_name: str, names: list[str]) -> dict[str, str]:
        """A model's own label names to those of the config.

        By the attribute ``predicted_values`` of a label, or by name in any case.
        """
        found: dict[str, str] = {}
        for label, attributes in self.parsed_label_config[tag_name]["labels_attrs"].items():
            listed = [v.strip() for v in attributes.get("predicted_values", "").split(",")]
            matches = [name for name in names if name in listed]
            if not matches:
                matches = [name for name in names if name.lower() == label.lower()]
            found.update(dict.fromkeys(matches, label))
        return found

    def get_local_path(self, url: str, project_dir: str | None = None, **more: Any) -> str:
        return get_local_path(url, project_dir=project_dir, **more)

    def preload_task_data(self, task: Any, value: Any = None, read_file: bool = True) -> Any:  # noqa: FBT001, FBT002 - upstream's signature
        """The same value with files in place of their addresses."""
        if isinstance(value, dict):
            return {k: self.preload_task_data(task, v, read_file) for k, v in value.items()}
        if isinstance(value, list):
            return [self.preload_task_data(task, item, read_file) for item in value]
        if not is_preload_needed(value):
            return value
        path = self.get_local_path(url=value, task_id=task.get("id"))
        if not read_file:
            return path
        with open(path, "r") as file:  # noqa: UP015 - as upstream's tests want it
            return file.read()


LabelStudioMLBase.__module__ = "label_studio_ml.model"


class ModelResponse:
    """Predictions and the version that made them."""

    def __init__(self, predictions: Any = None, model_version: Any = None, **_: Any) -> None:
        self.predictions = list(predictions or [])
        self.model_version = None if model_version is None else str(model_version)

    def has_model_version(self) -> bool:
        return bool(self.model_version)

    def set_version(self, version: Any) -> None:
        self.model_version = str(version)
        self.update_predictions_version()

    def update_predictions_version(self) -> None:
        """Give the version to predictions without one."""
        for one in self.predictions:
            if isinstance(one, dict):
                one["model_version"] = one.get("model_version") or self.model_version
            elif not getattr(one, "model_version", None):
                one.model_version = self.model_version

    def serialize(self) -> dict[str, Any]:
        rows = [one if isinstance(one, dict) else one.model_dump() for one in self.predictions]
        return {"model_version": self.model_version, "predictions": rows}

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return self.serialize()


ModelResponse.__module__ = "label_studio_ml.response"


def _cache_path() -> Path:
    return Path(os.environ.get("MODEL_DIR", ".")) / CACHE


def _read_cache() -> dict[str, dict[str, str]]:
    try:
        found = json.loads(_cache_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}
