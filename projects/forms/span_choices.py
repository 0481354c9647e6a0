"""Labelled stretches of the text, each with choices of its own."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms import base, spans
from projects.forms.base import Control, Piece
from projects.vocabulary import Answer, Mark

TAGS: tuple[str, ...] = ("Labels",)
EMPTY_IS_AN_ANSWER = True


def read(value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
    """A mark for each label of a span, or for each choice made about it."""
    if control.tag != "Choices":
        return spans.read(value, control, text)
    ends = base.ends_of(value, text)
    if ends is None:
        return []
    return [Mark(control.name, label, *ends) for label in base.known(value.get("choices"), control)]


def write(answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
    """One region for the labels of a span and one for the choices about it."""
    places: dict[tuple[str, int | None, int | None], list[int]] = {}
    for place, mark in enumerate(answer):
        if mark.is_span:
            places.setdefault((mark.control, mark.start, mark.end), []).append(place)
    pieces = []
    for (name, start, end), found in places.items():
        field = "choices" if controls[name].tag == "Choices" else "labels"
        value = spans.ends_value(answer[found[0]], text) | {field: [answer[i].label for i in found]}
        pieces.append(Piece(name, field, value, tuple(found), region=f"{start}-{end}"))
    return pieces
