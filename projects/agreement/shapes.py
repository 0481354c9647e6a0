"""Agreement of shapes drawn on a picture: one-to-one matching by overlap of their areas."""

from __future__ import annotations

from functools import lru_cache

import shapely

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark, Shape

SAME_FROM = 0.9
KINDS = ("rectangle", "ellipse", "polygon")


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total overlap of the best one-to-one matching, shared out over all marks.

    Two shapes of one control and label are as close as the intersection over union of their
    areas. Turned rectangles and ellipses are compared as they were drawn; a line that crosses
    itself encloses what it goes around an odd number of times.

    Returns
    -------
    float or None
        ``2 * sum(IoU) / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.

    References
    ----------
    Everingham et al. (2010), The PASCAL Visual Object Classes challenge, IJCV 88.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; from 90% overlap on it is the same shape."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """Intersection over union, in [0, 1]; of what is no shape, whether it is in one place."""
    if one.shape is None or other.shape is None or one.shape == other.shape:
        return _pairing.same_place(one, other)
    if one.shape.kind not in KINDS or other.shape.kind not in KINDS:
        return 0.0
    first, second = sorted((one.shape, other.shape))
    return _overlap(first, second)


@lru_cache(maxsize=8192)
def _overlap(one: Shape, other: Shape) -> float:
    a, b = _area(one), _area(other)
    if not shapely.intersects(a, b):
        return 0.0
    shared = shapely.area(shapely.intersection(a, b))
    whole = shapely.area(a) + shapely.area(b) - shared
    return float(min(1.0, max(0.0, shared / whole))) if whole > 0 else 0.0


@lru_cache(maxsize=8192)
def _area(shape: Shape) -> shapely.Geometry:
    """The enclosed area; a line or a point encloses nothing."""
    if len(shape.points) < 3:
        return shapely.Polygon()
    return shapely.make_valid(shapely.Polygon(shape.points))
