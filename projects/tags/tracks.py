"""Boxes that move through a video."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark, Shape

TAGS: tuple[str, ...] = ("VideoRectangle",)
OBJECTS: tuple[str, ...] = ("Video",)
METRICS: tuple[str, ...] = ("tracks",)
MOST_KEYS = 2000


def read(given: Given) -> list[Mark]:
    """A mark for each label of a box, with its key frames in order of time."""
    rows = given.value.get("sequence")
    keys: dict[float, tuple[float, ...]] = {}
    for row in rows[:MOST_KEYS] if isinstance(rows, list) else []:
        if isinstance(row, dict) and (
            found := base.numbers(row, "frame", "x", "y", "width", "height")
        ):
            place = tuple(round(n, 4) for n in found)
            keys[place[0]] = (*place, float(row.get("enabled", True) is not False))
    if not keys:
        return []
    shape = Shape("track", tuple(keys[frame] for frame in sorted(keys)))
    return [
        Mark(given.control.name, label, shape=shape, item=given.page)
        for label in base.labels_of(given.value, given.control)
    ]
