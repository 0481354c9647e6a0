"""Agreement of stretches of a recording: one-to-one matching by overlap in time."""

from __future__ import annotations

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 0.9
KINDS = ("seconds", "frames")


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total overlap of the best one-to-one matching, shared out over all marks.

    Two regions of one control and label are as close as their intersection over union in
    seconds, or in frames of a video.

    Returns
    -------
    float or None
        ``2 * sum(IoU) / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; from 90% overlap on it is the same stretch."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """Intersection over union, in [0, 1]; of what has no time, whether it is in one place."""
    if one.shape is None or other.shape is None or one.shape == other.shape:
        return _pairing.same_place(one, other)
    if one.shape.kind != other.shape.kind or one.shape.kind not in KINDS:
        return 0.0
    (start, end), (begin, finish) = one.shape.points[0], other.shape.points[0]
    shared = min(end, finish) - max(start, begin)
    return shared / (max(end, finish) - min(start, begin)) if shared > 0 else 0.0
