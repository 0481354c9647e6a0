"""Numbers and ratings."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Number", "Rating")
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("numbers", "choices")


def read(given: Given) -> list[Mark]:
    """One mark, whose label is the number."""
    found = base.number(given.value.get(given.control.tag.lower()))
    return [] if found is None else [Mark(given.control.name, f"{found:.10g}", item=given.page)]
