"""Key points on a picture."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark, Shape

TAGS: tuple[str, ...] = ("KeyPointLabels", "KeyPoint")
OBJECTS: tuple[str, ...] = ("Image",)
METRICS: tuple[str, ...] = ("points",)


def read(given: Given) -> list[Mark]:
    """A mark for each label of a point; how large it is drawn says nothing."""
    found = base.numbers(given.value, "x", "y")
    if found is None:
        return []
    shape = Shape("point", ((round(found[0], 4), round(found[1], 4)),))
    return [
        Mark(given.control.name, label, shape=shape, item=given.page)
        for label in base.labels_of(given.value, given.control)
    ]
