"""A number or a rating for the whole text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from projects.forms.base import Control, Piece
from projects.vocabulary import Answer, Mark

TAGS: tuple[str, ...] = ("Number", "Rating")
EMPTY_IS_AN_ANSWER = False


def read(value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
    """One mark, whose label is the number; outside the control's bounds it is left out."""
    del text
    found = value.get(control.tag.lower())
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return []
    return [as_mark(found, control)] if control.least <= found <= control.most else []


def write(answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
    """One region a number."""
    del text
    pieces = []
    for place, mark in enumerate(answer):
        tag = controls[mark.control].tag.lower()
        number = float(mark.label)
        value = int(number) if number.is_integer() else number
        pieces.append(Piece(mark.control, tag, {tag: value}, (place,)))
    return pieces


def as_mark(number: float, control: Control) -> Mark:
    """A number as a mark of the control."""
    return Mark(control.name, f"{float(number):.10g}")
