"""Agreement of labelled stretches of text: one-to-one matching by overlap in characters."""

from __future__ import annotations

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total overlap of the best one-to-one matching, shared out over all marks.

    Parameters
    ----------
    reference, candidate : Answer
        Marks of equal control and label may be matched, each at most once; the
        matching is the one with the largest total intersection over union (IoU).

    Returns
    -------
    float or None
        ``2 * sum(IoU) / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.

    References
    ----------
    Jaccard (1901), Bulletin de la Société vaudoise des sciences naturelles 37.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once, in the order of the text."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """Intersection over union in characters, in [0, 1]; equal offsets give 1, empty spans too."""
    if not (one.is_span and other.is_span):
        return _pairing.same_place(one, other)
    if (one.start, one.end) == (other.start, other.end):
        return 1.0
    if one.start is None or one.end is None or other.start is None or other.end is None:
        return 0.0
    shared = min(one.end, other.end) - max(one.start, other.start)
    if shared <= 0:
        return 0.0
    return shared / (max(one.end, other.end) - min(one.start, other.start))
