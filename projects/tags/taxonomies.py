"""Nodes of a tree of labels."""

from __future__ import annotations

from projects.forms.base import MOST_MARKS, STEP
from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Taxonomy",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("paths", "choices")


def read(given: Given) -> list[Mark]:
    """A mark for each node, named by the way to it from the root."""
    paths = given.value.get("taxonomy")
    rows = paths[:MOST_MARKS] if isinstance(paths, list) else []
    names = [STEP.join(base.strings(path)) for path in rows if isinstance(path, list | str)]
    return [Mark(given.control.name, name, item=given.page) for name in names if name]
