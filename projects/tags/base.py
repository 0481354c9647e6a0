"""What every family of control tags offers, and one result of Label Studio's JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from projects.forms.base import MOST_MARKS, Control
from projects.vocabulary import Mark

LONGEST = 10_000
"""Characters of one label or written text; what is longer is cut."""


@dataclass(frozen=True)
class Given:
    """One result of an annotation: what was said with one control."""

    control: Control
    value: Mapping[str, object]
    text: str
    """The text that the control is about; empty where it is about something else."""
    page: str
    """The page of several, as Label Studio counts them."""
    proportion: float
    """Width of the picture divided by its height; 1 where it is unknown."""


class Family(Protocol):
    """A file of this package."""

    TAGS: tuple[str, ...]
    """The tags whose answers it reads."""
    OBJECTS: tuple[str, ...]
    """The object tags it can be about; empty for any."""
    METRICS: tuple[str, ...]
    """The files of ``projects/agreement`` that can compare them; the first is the usual one."""

    def read(self, given: Given) -> list[Mark]:
        """The marks of one result; what cannot be read is left out."""


def number(value: object) -> float | None:
    """A finite number of somebody's JSON; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def numbers(value: Mapping[str, object], *names: str) -> tuple[float, ...] | None:
    """These fields as numbers; ``None`` when one is missing or is none."""
    found = [number(value.get(name)) for name in names]
    return tuple(n for n in found if n is not None) if None not in found else None


def strings(value: object) -> list[str]:
    """The strings of a list, cut to what can be stored; a string alone is a list of one."""
    rows = [value] if isinstance(value, str) else value
    if not isinstance(rows, list | tuple):
        return []
    return [row[:LONGEST] for row in rows[:MOST_MARKS] if isinstance(row, str)]


def labels_of(value: Mapping[str, object], control: Control) -> list[str]:
    """The labels of a region; one empty name where none was given."""
    return strings(value.get(control.tag.lower())) or strings(value.get("labels")) or [""]
