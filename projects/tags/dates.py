"""Dates and times: right or wrong, however they are written."""

from __future__ import annotations

from datetime import datetime

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("DateTime",)
OBJECTS: tuple[str, ...] = ()
METRICS: tuple[str, ...] = ("choices", "texts")


def read(given: Given) -> list[Mark]:
    """One mark, whose label is the moment in ISO 8601 where it can be understood."""
    found = base.strings(given.value.get("datetime"))
    return [Mark(given.control.name, _iso(text), item=given.page) for text in found]


def _iso(text: str) -> str:
    clean = " ".join(text.split())
    try:
        moment = datetime.fromisoformat(clean)
    except ValueError:
        return clean
    return moment.isoformat(timespec="minutes") if len(clean) > len("2026-11-26") else clean
