"""Agreement of rankings: how many pairs of things both put in the same order."""

from __future__ import annotations

from itertools import combinations

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.forms.base import STEP
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total closeness of the rankings of equal control and bucket, shared out over all.

    A ranking says of each thing that it is in it, and of each pair which comes first. Two
    rankings are ``2 * both / (a + b)`` close: ``both`` statements are in both, ``a`` and ``b``
    in each. Two full rankings of ``n`` things in opposite order keep ``n`` of
    ``n + n * (n - 1) / 2`` statements.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.

    References
    ----------
    Kendall (1938), Biometrika 30, for counting pairs; Dice (1945), Ecology 26.
    """
    return _pairing.agreement(reference, candidate, closeness)


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; another order is a wrong label."""
    return _pairing.statement_differences(reference, candidate, closeness)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; 0 for another control, bucket or place."""
    if one.bare == other.bare:
        return 1.0
    if not _pairing.same_subject(one, other):
        return 0.0
    mine, theirs = _statements(one), _statements(other)
    return 2 * len(mine & theirs) / (len(mine) + len(theirs))


def _statements(mark: Mark) -> set[tuple[str, ...]]:
    items = mark.label.split(STEP)
    return {(item,) for item in items} | set(combinations(items, 2))
