"""Choices, single or multiple, and whatever else is right or wrong as a whole."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Choices",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("choices",)


def read(given: Given) -> list[Mark]:
    """A mark for each choice; of choices within choices, the way to it as one name."""
    chosen = given.value.get("choices")
    rows = chosen if isinstance(chosen, list) else [chosen]
    names = [" > ".join(base.strings(r)) if isinstance(r, list) else r for r in rows]
    return [Mark(given.control.name, name, item=given.page) for name in base.strings(names)]
