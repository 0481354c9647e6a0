"""Agreement of relations: two are the same when they join the same regions in the same way."""

from __future__ import annotations

from projects.agreement import _pairing, points, shapes, spans, times, tracks
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0
OTHER_LABEL = 0.5
"""What an end counts whose region was found and given another label."""
PLACES: tuple[_pairing.Closeness, ...] = tuple(
    file.closeness for file in (spans, shapes, times, points, tracks)
)


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total closeness of the best one-to-one matching, shared out over all relations.

    Relations of one label and direction may be matched when both ends overlap. They are then
    as close as their ends on average: the overlap of the two regions, and half of it where
    the regions have different labels.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; ends that only overlap are other borders."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; of what is no relation, whether it is in the same place."""
    if not one.ends or not other.ends or one.ends == other.ends:
        return _pairing.same_place(one, other)
    if len(one.ends) != len(other.ends):
        return 0.0
    near = [_end(mine, theirs) for mine, theirs in zip(one.ends, other.ends, strict=True)]
    return sum(near) / len(near) if all(near) else 0.0


def _end(one: Mark, other: Mark) -> float:
    if one.bare == other.bare:
        return 1.0
    if one.item != other.item:
        return 0.0
    near = max(closeness_of(one, other) for closeness_of in PLACES)
    return near if (one.control, one.label) == (other.control, other.label) else near * OTHER_LABEL
