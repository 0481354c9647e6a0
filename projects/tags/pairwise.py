"""Which of two is better."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Pairwise",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("choices",)


def read(given: Given) -> list[Mark]:
    """One mark, whose label is the side that was chosen."""
    sides = base.strings(given.value.get("selected"))
    return [Mark(given.control.name, side, item=given.page) for side in sides]
