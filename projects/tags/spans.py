"""Labelled stretches of text, of a page of HTML and of a dialogue."""

from __future__ import annotations

from collections.abc import Mapping

from projects.forms import base as forms
from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark

TAGS: tuple[str, ...] = ("Labels", "HyperTextLabels", "ParagraphLabels")
OBJECTS: tuple[str, ...] = ("Text", "HyperText", "Paragraphs")
METRICS: tuple[str, ...] = ("spans", "choices")
LONGEST_QUOTE = 200


def read(given: Given) -> list[Mark]:
    """A mark for each label of the stretch."""
    place = ends_of(given)
    if place is None:
        return []
    start, end = place
    said = given.value.get("text")
    quote = given.text[start:end] or (said if isinstance(said, str) else "")
    words = " ".join(quote.split())[:LONGEST_QUOTE]
    return [
        Mark(given.control.name, label, start, end, item=given.page, words=words)
        for label in base.labels_of(given.value, given.control)
    ]


def ends_of(given: Given) -> tuple[int, int] | None:
    """Offsets in the text, in what the page of HTML says, or in the turns of a dialogue."""
    everywhere = given.value.get("globalOffsets")
    if isinstance(everywhere, Mapping):
        return _ordered(everywhere.get("start"), everywhere.get("end"))
    if "startOffset" in given.value:
        return _in_turns(given)
    return _ordered(given.value.get("start"), given.value.get("end"))


def _in_turns(given: Given) -> tuple[int, int] | None:
    """A dialogue names the turn, and the offset in it; turns are lines of the text."""
    turns = given.text.split("\n")
    ends = []
    for name, offset in (("start", "startOffset"), ("end", "endOffset")):
        turn, inside = given.value.get(name), given.value.get(offset)
        if not (isinstance(turn, str | int) and str(turn).isdecimal() and forms.is_offset(inside)):
            return None
        if (before := int(turn)) >= len(turns):
            return None
        ends.append(sum(len(line) + 1 for line in turns[:before]) + inside)
    return _ordered(*ends)


def _ordered(start: object, end: object) -> tuple[int, int] | None:
    if not (forms.is_offset(start) and forms.is_offset(end)):
        return None
    return (start, end) if start < end else None
