"""What the fake reads in a labelling config."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from xml.etree import ElementTree

from label_studio_sdk.label_interface import LabelInterface

from tests.fakes.label_studio.records import Json


@lru_cache(maxsize=32)
def required_fields(label_config: str) -> tuple[str, ...]:
    """The ``$field`` names of the named tags of a labelling config."""
    root = ElementTree.fromstring(label_config)
    values: Iterable[str] = (
        tag.get("value") or "" for tag in root.iter() if tag.get("name") and tag.get("value")
    )
    return tuple(found for value in values for found in re.findall(r"\$(\w+)", value)[:1])


@lru_cache(maxsize=32)
def controls_of(label_config: str) -> dict[str, tuple[str, str]]:
    """What each control of a labelling config is about, and the type of its regions."""
    return {
        str(tag.get("name")): (str(tag.get("toName")), tag.tag.lower())
        for tag in ElementTree.fromstring(label_config).iter()
        if tag.get("name") and tag.get("toName")
    }


@lru_cache(maxsize=32)
def interface_of(label_config: str) -> LabelInterface:
    """How the SDK reads a labelling config."""
    return LabelInterface(label_config)


def errors_of_predictions(label_config: str, rows: list[Json]) -> list[str]:
    """What is wrong with the predictions in an import."""
    return [
        f"Task {number}, prediction {place}: {error}"
        for number, row in enumerate(rows)
        for place, prediction in enumerate(row.get("predictions") or ())
        for error in interface_of(label_config).validate_prediction(prediction, return_errors=True)
    ]
