"""One of several labels for the whole text."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms import base
from projects.forms.base import Control, Piece
from projects.vocabulary import Answer, Mark

TAGS: tuple[str, ...] = ("Choices",)
EMPTY_IS_AN_ANSWER = False


def read(value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
    """A mark for each choice that was made."""
    del text
    return [Mark(control.name, label) for label in base.known(value.get("choices"), control)]


def write(answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
    """One region a control, which names everything that was chosen with it."""
    del controls, text
    places: dict[str, list[int]] = {}
    for place, mark in enumerate(answer):
        places.setdefault(mark.control, []).append(place)
    return [
        Piece(name, "choices", {"choices": [answer[i].label for i in found]}, tuple(found))
        for name, found in places.items()
    ]
