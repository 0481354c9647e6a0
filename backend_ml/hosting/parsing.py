"""What models read labelling configs and tasks with. Runs in the model's own process."""

from __future__ import annotations

import os
from typing import Any
from xml.etree import ElementTree

DATA_UNDEFINED_NAME = "$undefined$"


def parse_config(label_config: str) -> dict[str, Any]:
    """The controls of a labelling config by name: type, objects, labels and their attributes."""
    root = ElementTree.fromstring(label_config)
    named = {e.attrib["name"]: e for e in root.iter() if e.attrib.get("name")}
    found = {}
    for name, element in named.items():
        if not element.attrib.get("toName"):
            continue
        about = [n.strip() for n in element.attrib["toName"].split(",") if n.strip() in named]
        inputs = [
            {
                "type": named[n].tag,
                "value": named[n].attrib.get("value", "").lstrip("$"),
                "valueType": named[n].attrib.get("valueType"),
            }
            for n in about
        ]
        attributes = {
            e.attrib.get("alias") or e.attrib["value"]: dict(e.attrib)
            for e in element.iter()
            if e is not element and e.attrib.get("value")
        }
        found[name] = {
            "type": element.tag,
            "to_name": about,
            "inputs": inputs,
            "labels": list(attributes),
            "labels_attrs": attributes,
        }
    return found


def get_single_tag_keys(
    parsed_label_config: dict[str, Any], control_type: str, object_type: str
) -> tuple[str, str, str, list[str]]:
    """The one control and the one object of a config that has no more."""
    if len(parsed_label_config) != 1:
        raise ValueError(f"one control tag is expected, not {len(parsed_label_config)}")
    name, control = next(iter(parsed_label_config.items()))
    (given,) = control["inputs"]
    if (control["type"], given["type"]) != (control_type, object_type):
        raise ValueError(f"<{control_type}> about <{object_type}> is expected")
    return name, control["to_name"][0], given["value"], control["labels"]


def is_skipped(task: Any) -> bool:
    """Whether the one annotation of a task says that it was skipped."""
    rows = task["annotations"]
    return len(rows) == 1 and bool(rows[0].get("skipped") or rows[0].get("was_cancelled"))


def get_choice(task: Any) -> str:
    """The first choice that was made about a task."""
    return str(task["annotations"][0]["result"][0]["value"]["choices"][0])


def is_preload_needed(value: Any) -> bool:
    """Whether a value is the address of a file."""
    starts = ("http://", "https://", "s3://", "gs://", "azure-blob://", "/data/", "upload/")
    return isinstance(value, str) and (value.startswith(starts) or os.path.exists(value))


def get_local_path(url: str, *args: Any, **more: Any) -> str:
    """A file on this machine for an address: that of ``label-studio-sdk``."""
    from label_studio_sdk._extensions.label_studio_tools.core.utils import io  # slow to import

    return str(io.get_local_path(url, *args, **more))
