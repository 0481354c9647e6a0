"""What an annotation says, reduced to what can be compared: marks, and their storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, order=True)
class Shape:
    """Where a mark is, when it is no stretch of text.

    Shapes on a picture are in percent of its width and height, so that the place of a shape
    does not depend on the size of the picture; a rectangle and an ellipse are their outline.
    """

    kind: str
    """``rectangle``, ``ellipse``, ``polygon``, ``point``, ``seconds``, ``frames`` or ``track``."""
    points: tuple[tuple[float, ...], ...]
    """Outline and point: ``(x, y)``. Seconds and frames: ``(start, end)``, end excluded.

    Track: ``(frame, x, y, width, height, shown)``, ``shown`` is 0 where it ends for a while.
    """


@dataclass(frozen=True, order=True)
class Mark:
    """One comparable statement of an answer: a choice, a number, a labelled region, a relation.

    ``start`` and ``end`` are Python character offsets, end excluded; both are
    ``None`` for anything but a stretch of text.
    """

    control: str
    label: str
    start: int | None = None
    end: int | None = None
    shape: Shape | None = None
    item: str = ""
    """The page of several, or the bucket of a ranking, that it belongs to."""
    attributes: tuple[tuple[str, str], ...] = ()
    """What was said about this region alone: control and value, in sorted order."""
    ends: tuple[Mark, ...] = ()
    """The two regions that a relation joins."""
    words: str = field(default="", compare=False)
    """What it covers, in words, where the text alone does not tell."""

    @property
    def is_span(self) -> bool:
        return self.start is not None and self.end is not None

    @property
    def is_region(self) -> bool:
        """Whether it has a place."""
        return self.is_span or self.shape is not None

    @property
    def bare(self) -> Mark:
        """This mark without what was said about it alone."""
        return replace(self, attributes=()) if self.attributes else self


Answer = tuple[Mark, ...]
"""What an annotation says, reduced to what can be compared, in sorted order.

Repetitions stay: marking one span twice is a different answer from marking it once.
"""


def place_of(mark: Mark) -> tuple[object, ...]:
    """Where a mark stands among others: first the four fields of old, then the rest."""
    shape = ("", ()) if mark.shape is None else (mark.shape.kind, mark.shape.points)
    return (
        mark.control,
        mark.start or 0,
        mark.end or 0,
        mark.label,
        mark.start is None,
        mark.end is None,
        mark.item,
        *shape,
        mark.attributes,
        tuple(place_of(end) for end in mark.ends),
    )


def as_answer(marks: Sequence[Mark]) -> Answer:
    """Marks in the one order in which answers are compared and stored."""
    return tuple(sorted(marks, key=place_of))


def mark_to_json(mark: Mark) -> Json:
    """A mark as plain JSON; what it does not have is left out, but for the first four fields."""
    row: Json = {
        "control": mark.control,
        "label": mark.label,
        "start": mark.start,
        "end": mark.end,
    }
    if mark.shape is not None:
        points = [list(point) for point in mark.shape.points]
        row["shape"] = {"kind": mark.shape.kind, "points": points}
    if mark.item:
        row["item"] = mark.item
    if mark.attributes:
        row["attributes"] = [list(pair) for pair in mark.attributes]
    if mark.ends:
        row["ends"] = [mark_to_json(end) for end in mark.ends]
    if mark.words:
        row["words"] = mark.words
    return row


def mark_from_json(row: Mapping[str, Any]) -> Mark:
    """The inverse of :func:`mark_to_json`."""
    shape = row.get("shape")
    return Mark(
        row["control"],
        row["label"],
        row.get("start"),
        row.get("end"),
        shape=None
        if shape is None
        else Shape(shape["kind"], tuple(tuple(map(float, p)) for p in shape["points"])),
        item=row.get("item", ""),
        attributes=tuple((name, value) for name, value in row.get("attributes", ())),
        ends=tuple(mark_from_json(end) for end in row.get("ends", ())),
        words=row.get("words", ""),
    )


def answer_to_json(answer: Answer) -> list[Json]:
    """An answer as plain JSON, for storage."""
    return [mark_to_json(mark) for mark in answer]


def answer_from_json(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """The inverse of :func:`answer_to_json`."""
    return as_answer([mark_from_json(row) for row in rows])
