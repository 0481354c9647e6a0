"""Things put in order, or into buckets in order."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms.base import STEP
from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Ranker",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("orders", "choices")


def read(given: Given) -> list[Mark]:
    """A mark for each bucket with something in it; without buckets there is one of no name."""
    found = given.value.get("ranker")
    if not isinstance(found, Mapping):
        found = {"": found}
    marks = []
    for name, items in found.items():
        bucket = "" if name in (given.control.name, "_") else str(name)
        if order := list(dict.fromkeys(base.strings(items))):
            marks.append(Mark(given.control.name, STEP.join(order), item=bucket))
    return marks
