"""Agreement of labelled spans: one-to-one matching by overlap.

No mark can be used twice, so an extra, a missed and a repeated span always cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from projects.agreement.base import Difference, DifferenceKind
from projects.vocabulary import Answer, Mark

Pair = tuple[int, int, float]
"""Positions of a reference mark and a candidate mark, and how closely they match."""


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
    Kuhn (1955), Naval Research Logistics Quarterly 2, for the matching.
    """
    marked = len(reference) + len(candidate)
    if marked == 0:
        return None
    pairs = _match(reference, candidate, _same_label)
    return min(1.0, 2 * math.fsum(closeness for _, _, closeness in pairs) / marked)


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once, in the order of the text.

    Marks of one label are matched first, as in :func:`agreement`; what is left is
    matched to an overlapping mark of another label; the rest is missed or spurious.
    """
    found: list[Difference] = []
    same = _match(reference, candidate, _same_label)
    for i, j, _ in same:
        kind: DifferenceKind = "same" if reference[i] == candidate[j] else "boundary"
        found.append(Difference(kind, reference[i], candidate[j]))
    missed = _without(reference, {i for i, _, _ in same})
    spurious = _without(candidate, {j for _, j, _ in same})
    wrong = _match(missed, spurious, _other_label)
    found.extend(Difference("wrong label", missed[i], spurious[j]) for i, j, _ in wrong)
    for mark in _without(missed, {i for i, _, _ in wrong}):
        found.append(Difference("missed", mark, None))
    for mark in _without(spurious, {j for _, j, _ in wrong}):
        found.append(Difference("spurious", None, mark))
    return sorted(found, key=_order)


def _match(
    reference: Sequence[Mark],
    candidate: Sequence[Mark],
    closeness: Callable[[Mark, Mark], float],
) -> list[Pair]:
    if not reference or not candidate:
        return []
    table = np.array([[closeness(r, c) for c in candidate] for r in reference])
    rows, columns = linear_sum_assignment(table, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j, float(table[i, j])) for i, j in pairs if table[i, j] > 0]


def _same_label(one: Mark, other: Mark) -> float:
    if (one.control, one.label) != (other.control, other.label):
        return 0.0
    return _overlap(one, other)


def _other_label(one: Mark, other: Mark) -> float:
    if one.control != other.control or one.label == other.label:
        return 0.0
    return _overlap(one, other)


def _overlap(one: Mark, other: Mark) -> float:
    """Intersection over union in characters, in [0, 1]; equal offsets give 1, empty spans too."""
    if (one.start, one.end) == (other.start, other.end):
        return 1.0
    if one.start is None or one.end is None or other.start is None or other.end is None:
        return 0.0
    shared = min(one.end, other.end) - max(one.start, other.start)
    if shared <= 0:
        return 0.0
    return shared / (max(one.end, other.end) - min(one.start, other.start))


def _without(marks: Sequence[Mark], used: set[int]) -> list[Mark]:
    return [mark for position, mark in enumerate(marks) if position not in used]


def _order(difference: Difference) -> tuple[int, int, str, str, bool]:
    mark = difference.reference or difference.candidate
    if mark is None:
        raise ValueError("a difference without a mark")
    return mark.start or 0, mark.end or 0, mark.control, mark.label, difference.reference is None
