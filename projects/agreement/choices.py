"""Agreement of chosen labels: marks agree when they are equal, each used once."""

from __future__ import annotations

from collections import Counter

from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Share of marks that have an equal partner in the other answer (Dice coefficient).

    Parameters
    ----------
    reference, candidate : Answer
        Taken as multisets: a mark made twice needs two partners.

    Returns
    -------
    float or None
        ``2 * matched / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.

    References
    ----------
    Dice (1945), Ecology 26.
    """
    marked = len(reference) + len(candidate)
    if marked == 0:
        return None
    return 2 * (Counter(reference) & Counter(candidate)).total() / marked


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once: same, wrong label, missed or spurious.

    A label counts as mistaken for another only when each answer has exactly one
    mark for that control; with several choices there is no telling which was meant.
    """
    same = Counter(reference) & Counter(candidate)
    missed = list((Counter(reference) - same).elements())
    spurious = list((Counter(candidate) - same).elements())
    found = [Difference("same", mark, mark) for mark in same.elements()]
    for mark in missed:
        other = _only_other(mark, reference, candidate)
        if other is None:
            found.append(Difference("missed", mark, None))
        else:
            spurious.remove(other)
            found.append(Difference("wrong label", mark, other))
    found.extend(Difference("spurious", None, mark) for mark in spurious)
    return sorted(found, key=_order)


def _only_other(mark: Mark, reference: Answer, candidate: Answer) -> Mark | None:
    """What the candidate said instead, when both said one thing about this control."""
    subject = (mark.control, mark.item)
    ours = [m for m in reference if (m.control, m.item) == subject]
    theirs = [m for m in candidate if (m.control, m.item) == subject]
    return theirs[0] if len(ours) == len(theirs) == 1 else None


def _order(difference: Difference) -> tuple[str, int, int, str, bool]:
    mark = difference.reference or difference.candidate
    if mark is None:
        raise ValueError("a difference without a mark")
    return mark.control, mark.start or 0, mark.end or 0, mark.label, difference.reference is None
