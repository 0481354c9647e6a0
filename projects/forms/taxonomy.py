"""Nodes of a tree of labels, each named by the way to it from the root."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms import base
from projects.forms.base import STEP, Control, Piece
from projects.vocabulary import Answer, Mark

TAGS: tuple[str, ...] = ("Taxonomy",)
EMPTY_IS_AN_ANSWER = False


def read(value: Mapping[str, object], control: Control, text: str) -> list[Mark]:
    """A mark for each node that was chosen."""
    del text
    paths = value.get("taxonomy")
    given = paths[: base.MOST_MARKS] if isinstance(paths, list | tuple) else ()
    names = [
        STEP.join(path)
        for path in given
        if isinstance(path, list | tuple) and all(isinstance(node, str) for node in path)
    ]
    return [Mark(control.name, label) for label in base.known(names, control)]


def write(answer: Answer, controls: Mapping[str, Control], text: str) -> list[Piece]:
    """One region, which names every node."""
    del controls, text
    if not answer:
        return []
    paths = [mark.label.split(STEP) for mark in answer]
    places = tuple(range(len(answer)))
    return [Piece(answer[0].control, "taxonomy", {"taxonomy": paths}, places)]
