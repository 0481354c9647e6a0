"""Marks matched one to one by how close they are; what every graded metric is made of.

A metric brings ``closeness(one, other)``: symmetric, in [0, 1], 1 for equal marks.
No mark can be used twice, so an extra, a missed and a repeated mark always cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from projects.agreement.base import Difference, DifferenceKind
from projects.marks import place_of
from projects.vocabulary import Answer, Mark

Closeness = Callable[[Mark, Mark], float]
Pair = tuple[int, int, float]
"""Positions of a reference mark and a candidate mark, and how closely they match."""


def agreement(reference: Answer, candidate: Answer, closeness: Closeness) -> float | None:
    """Total closeness of the best one-to-one matching, shared out over all marks.

    Parameters
    ----------
    reference, candidate : Answer
        The matching is the one with the largest total closeness.
    closeness : callable
        0 for marks that may not be matched.

    Returns
    -------
    float or None
        ``2 * sum(closeness) / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2, for the matching.
    """
    marked = len(reference) + len(candidate)
    if marked == 0:
        return None
    pairs = match(reference, candidate, closeness)
    return min(1.0, 2 * math.fsum(found for _, _, found in pairs) / marked)


def of_regions(closeness: Closeness) -> Closeness:
    """Regions may be matched when they have one control, label and page."""

    def within(one: Mark, other: Mark) -> float:
        if _kin(one) != _kin(other) or one.label != other.label:
            return 0.0
        return closeness(one, other)

    return within


def region_differences(
    reference: Answer, candidate: Answer, closeness: Closeness, *, same_from: float
) -> list[Difference]:
    """Every mark once: same, other borders, wrong label, missed or spurious.

    Marks of one label are matched first, as in :func:`agreement`; what is left is
    matched to an overlapping mark of another label; the rest is missed or spurious.
    """

    def mistaken(one: Mark, other: Mark) -> float:
        if _kin(one) != _kin(other) or one.label == other.label:
            return 0.0
        return closeness(one, other)

    found: list[Difference] = []
    same = match(reference, candidate, of_regions(closeness))
    for i, j, near in same:
        kind: DifferenceKind = "same" if near >= same_from else "boundary"
        found.append(Difference(kind, reference[i], candidate[j]))
    missed = without(reference, {i for i, _, _ in same})
    spurious = without(candidate, {j for _, j, _ in same})
    return in_order([*found, *_rest(missed, spurious, mistaken)])


def statement_differences(
    reference: Answer, candidate: Answer, closeness: Closeness
) -> list[Difference]:
    """Every mark once: same, wrong label, missed or spurious.

    Statements are matched by closeness. One that is close to nothing counts as mistaken for
    another only when each answer has just one for that control.
    """
    pairs = match(reference, candidate, closeness)
    found = [
        Difference(
            "same" if reference[i].bare == candidate[j].bare else "wrong label",
            reference[i],
            candidate[j],
        )
        for i, j, _ in pairs
    ]
    missed = without(reference, {i for i, _, _ in pairs})
    spurious = without(candidate, {j for _, j, _ in pairs})

    def only(one: Mark, other: Mark) -> float:
        alone = _count(reference, one) == _count(candidate, other) == 1
        return float(_kin(one) == _kin(other) and alone)

    return in_order([*found, *_rest(missed, spurious, only)])


def match(reference: Sequence[Mark], candidate: Sequence[Mark], closeness: Closeness) -> list[Pair]:
    """The matching with the largest total closeness; pairs of closeness 0 are no pairs."""
    if not reference or not candidate:
        return []
    table = np.array([[closeness(r, c) for c in candidate] for r in reference])
    rows, columns = linear_sum_assignment(table, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j, float(table[i, j])) for i, j in pairs if table[i, j] > 0]


def same_place(one: Mark, other: Mark) -> float:
    """1 for marks in the same place, whatever they say; else 0."""
    mine = (one.start, one.end, one.shape, one.ends)
    return float(mine == (other.start, other.end, other.shape, other.ends))


def same_subject(one: Mark, other: Mark) -> bool:
    """Whether both were given with one control about the same thing."""
    return _kin(one) == _kin(other) and same_place(one, other) == 1


def without(marks: Sequence[Mark], used: set[int]) -> list[Mark]:
    """The marks at the other positions."""
    return [mark for position, mark in enumerate(marks) if position not in used]


def in_order(found: Sequence[Difference]) -> list[Difference]:
    """By place in the text, then by control and label; what is missed before what is extra."""

    def place(difference: Difference) -> tuple[object, ...]:
        mark = difference.mark
        return mark.start or 0, mark.end or 0, place_of(mark), difference.reference is None

    return sorted(found, key=place)


def _rest(
    missed: Sequence[Mark], spurious: Sequence[Mark], mistaken: Closeness
) -> list[Difference]:
    wrong = match(missed, spurious, mistaken)
    found = [Difference("wrong label", missed[i], spurious[j]) for i, j, _ in wrong]
    left = without(missed, {i for i, _, _ in wrong})
    found += [Difference("missed", mark, None) for mark in left]
    left = without(spurious, {j for _, j, _ in wrong})
    return [*found, *(Difference("spurious", None, mark) for mark in left)]


def _kin(mark: Mark) -> tuple[str, str]:
    return mark.control, mark.item


def _count(answer: Answer, mark: Mark) -> int:
    return sum(_kin(one) == _kin(mark) for one in answer)
