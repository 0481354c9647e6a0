"""Labelled stretches of sound and film."""

from __future__ import annotations

from projects.forms.base import MOST_MARKS
from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark, Shape

TAGS: tuple[str, ...] = ("Labels", "TimelineLabels")
OBJECTS: tuple[str, ...] = ("Audio", "AudioPlus", "Video")
METRICS: tuple[str, ...] = ("times",)


def read(given: Given) -> list[Mark]:
    """A mark for each label of a stretch: seconds of sound, frames of film (end excluded)."""
    labels = base.labels_of(given.value, given.control)
    return [
        Mark(given.control.name, label, shape=shape, item=given.page)
        for shape in shapes(given)
        for label in labels
    ]


def shapes(given: Given) -> list[Shape]:
    """The stretches of one result."""
    ranges = given.value.get("ranges")
    if isinstance(ranges, list):
        rows = [row for row in ranges[:MOST_MARKS] if isinstance(row, dict)]
        found = [base.numbers(row, "start", "end") for row in rows]
        return [Shape("frames", ((p[0], p[1] + 1),)) for p in found if p and p[0] <= p[1]]
    ends = base.numbers(given.value, "start", "end")
    return [Shape("seconds", ((ends[0], ends[1]),))] if ends and ends[0] <= ends[1] else []
