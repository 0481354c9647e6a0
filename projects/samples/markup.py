"""Text in which the parts worth marking carry their label, and its way to offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from projects.vocabulary import Answer, Mark, as_answer

# Characters of a private-use area, which no sample text has.
_OPEN, _BAR, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARKED = re.compile(f"{_OPEN}([^{_BAR}]*){_BAR}([^{_CLOSE}]*){_CLOSE}")


@dataclass(frozen=True)
class Segment:
    """A stretch of text with one label, or with none."""

    text: str
    label: str = ""


def marked(label: str, text: str) -> str:
    """``text``, to be found again as a segment with ``label``."""
    return f"{_OPEN}{label}{_BAR}{text}{_CLOSE}"


def plain(markup: str) -> str:
    """The text alone."""
    return _MARKED.sub(lambda found: found[2], markup)


def capitalised(markup: str) -> str:
    """The markup with its first visible character in upper case."""
    at = markup.index(_BAR) + 1 if markup.startswith(_OPEN) else 0
    return markup[:at] + markup[at : at + 1].upper() + markup[at + 1 :]


def segments(markup: str) -> list[Segment]:
    """The labelled stretches and those between them, in order."""
    parts: list[Segment] = []
    position = 0
    for found in _MARKED.finditer(markup):
        parts.append(Segment(markup[position : found.start()]))
        parts.append(Segment(found[2], found[1]))
        position = found.end()
    parts.append(Segment(markup[position:]))
    return [part for part in parts if part.text]


def assemble(parts: Iterable[Segment], control: str) -> tuple[str, Answer]:
    """The text, and one mark of ``control`` for every labelled stretch."""
    text = ""
    marks: list[Mark] = []
    for part in parts:
        if part.label:
            marks.append(Mark(control, part.label, len(text), len(text) + len(part.text)))
        text += part.text
    return text, as_answer(marks)
