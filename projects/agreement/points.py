"""Agreement of key points: one-to-one matching by distance."""

from __future__ import annotations

import math

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 0.9
REACH = 10.0
"""Points this far apart, in percent of the picture, have nothing to do with each other."""


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total closeness of the best one-to-one matching, shared out over all marks.

    Two points of one control and label are ``max(0, 1 - d / REACH)`` close, where ``d`` is
    their distance in percent of the picture's width and height: ``hypot(dx, dy)``.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; from 0.9 on (1% of the picture) it is the same point."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; of what is no point, whether it is in the same place."""
    if one.shape is None or other.shape is None or one.shape == other.shape:
        return _pairing.same_place(one, other)
    if not one.shape.kind == other.shape.kind == "point":
        return 0.0
    (x, y), (u, v) = one.shape.points[0][:2], other.shape.points[0][:2]
    return max(0.0, 1 - math.hypot(x - u, y - v) / REACH)
