"""Agreement of numbers and ratings: how close they are, as a share of the larger one."""

from __future__ import annotations

import math
from collections import Counter

from projects.agreement import choices
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Share of marks that have an equal partner; two different numbers are partners in part.

    Where each answer has one number for a control they count as
    ``1 - |a - b| / max(|a|, |b|)`` of a pair, and as 0 when their signs differ.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.

    References
    ----------
    Dice (1945), Ecology 26; the relative distance is the Canberra metric's, on the
    scale of the larger number: Lance & Williams (1966), Computer Journal 9.
    """
    marked = len(reference) + len(candidate)
    if marked == 0:
        return None
    partners = float((Counter(reference) & Counter(candidate)).total())
    partners += sum(
        _closeness(found.reference, found.candidate)
        for found in choices.differences(reference, candidate)
        if found.kind == "wrong label" and found.reference and found.candidate
    )
    return 2 * partners / marked


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; another number is a wrong label."""
    return choices.differences(reference, candidate)


def _closeness(one: Mark, other: Mark) -> float:
    """In [0, 1); 0 for what is no number."""
    a, b = _number(one), _number(other)
    if a is None or b is None or a == b:
        return 0.0
    return max(0.0, 1.0 - abs(a - b) / max(abs(a), abs(b)))


def _number(mark: Mark) -> float | None:
    try:
        found = float(mark.label)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
