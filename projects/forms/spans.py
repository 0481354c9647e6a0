"""Labelled stretches of the text."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms import base
from projects.forms.base import Control, Piece
from projects.vocabulary import Answer, Json, Mark

TAGS: tuple[str, ...] = ("Labels",)
EMPTY_IS_AN_ANSWER = True


def read(value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
    """A mark for each label of the span; Label Studio counts characters as Python does."""
    ends = base.ends_of(value, text)
    if ends is None:
        return []
    return [Mark(control.name, label, *ends) for label in base.known(value.get("labels"), control)]


def write(answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
    """One region a span."""
    del controls
    return [
        Piece(mark.control, "labels", ends_value(mark, text) | {"labels": [mark.label]}, (place,))
        for place, mark in enumerate(answer)
        if mark.is_span
    ]


def ends_value(mark: Mark, text: str) -> Json:
    """Where a span is, as Label Studio says it: its editor counts characters (seen in 1.23.2)."""
    return {"start": mark.start, "end": mark.end, "text": text[mark.start : mark.end]}
