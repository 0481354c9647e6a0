"""Rectangles, ellipses and polygons on a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable

from projects.tags import base
from projects.tags.base import Given
from projects.vocabulary import Mark, Shape

TAGS: tuple[str, ...] = (
    "RectangleLabels",
    "Rectangle",
    "EllipseLabels",
    "Ellipse",
    "PolygonLabels",
    "Polygon",
)
OBJECTS: tuple[str, ...] = ("Image", "Pdf")
METRICS: tuple[str, ...] = ("shapes",)
MOST_CORNERS = 500
"""Of a polygon with more, this many are kept, evenly spread."""
ROUND = 72
"""Corners of an ellipse as a polygon; its area is then 0.13% too small."""
DIGITS = 4
"""Decimals of a percent that are kept."""


def read(given: Given) -> list[Mark]:
    """A mark for each label of a shape."""
    shape = shape_of(given)
    if shape is None:
        return []
    return [
        Mark(given.control.name, label, shape=shape, item=given.page)
        for label in base.labels_of(given.value, given.control)
    ]


def shape_of(given: Given) -> Shape | None:
    """The outline in percent of the picture's width and height."""
    value, turn = given.value, math.radians(base.number(given.value.get("rotation")) or 0.0)
    if corners := base.numbers(value, "x", "y", "width", "height"):
        x, y, width, height = corners
        outline = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
        return _shape("rectangle", _turned(outline, (x, y), turn, given.proportion))
    if oval := base.numbers(value, "x", "y", "radiusX", "radiusY"):
        steps = [2 * math.pi * step / ROUND for step in range(ROUND)]
        outline = [(oval[2] * math.cos(s), oval[3] * math.sin(s)) for s in steps]
        return _shape("ellipse", _turned(outline, (oval[0], oval[1]), turn, given.proportion))
    rows = value.get("points")
    if not isinstance(rows, list) or not rows:
        return None
    pairs = [_pair(row) for row in rows[:: math.ceil(len(rows) / MOST_CORNERS)]]
    found = [pair for pair in pairs if pair is not None]
    return _shape("polygon", found) if found and len(found) == len(pairs) else None


def _turned(
    outline: Iterable[tuple[float, float]],
    origin: tuple[float, float],
    turn: float,
    proportion: float,
) -> list[tuple[float, float]]:
    """Turned clockwise about the origin, as it looks in pixels: Label Studio's own rule."""
    cos, sin = math.cos(turn), math.sin(turn)
    return [
        (
            origin[0] + u * cos - v * sin / proportion,
            origin[1] + u * sin * proportion + v * cos,
        )
        for u, v in outline
    ]


def _pair(row: object) -> tuple[float, float] | None:
    if not isinstance(row, list | tuple) or len(row) < 2:
        return None
    x, y = base.number(row[0]), base.number(row[1])
    return None if x is None or y is None else (x, y)


def _shape(kind: str, outline: Iterable[tuple[float, float]]) -> Shape:
    return Shape(kind, tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in outline))
