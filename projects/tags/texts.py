"""Written texts."""

from __future__ import annotations

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("TextArea",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("texts", "choices")
MOST_TEXTS = 20
"""Of one control; comparing each with each takes its time."""


def read(given: Given) -> list[Mark]:
    """A mark for each text; space and line breaks are one blank."""
    texts = [" ".join(text.split()) for text in base.strings(given.value.get("text"))]
    kept = [text for text in texts if text][:MOST_TEXTS]
    return [Mark(given.control.name, text, item=given.page) for text in kept]
