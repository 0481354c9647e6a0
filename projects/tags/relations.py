"""Relations between regions; they are read from the whole annotation, not from one result."""

from __future__ import annotations

from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Relations",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("relations",)


def read(given: Given) -> list[Mark]:
    """A relation is no result of a control: it names two regions; see ``projects.reading``."""
    del given
    return []
