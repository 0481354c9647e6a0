"""Agreement of nodes of a tree of labels: two paths agree as far as they go together."""

from __future__ import annotations

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.forms.base import STEP
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total closeness of the best one-to-one matching of paths, shared out over all.

    Two paths of lengths ``a`` and ``b`` whose first ``s`` nodes are the same are
    ``2 * s / (a + b)`` close: what is right at the top of the tree counts in part.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.

    References
    ----------
    Wu & Palmer (1994), Verb semantics and lexical selection, ACL: the same ratio of depths.
    """
    return _pairing.agreement(reference, candidate, closeness)


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; a path that begins alike is a wrong label."""
    return _pairing.statement_differences(reference, candidate, closeness)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; 0 for another control, another place or another root."""
    if one.bare == other.bare:
        return 1.0
    if not _pairing.same_subject(one, other):
        return 0.0
    a, b = one.label.split(STEP), other.label.split(STEP)
    shared = 0
    for mine, theirs in zip(a, b, strict=False):
        if mine != theirs:
            break
        shared += 1
    return 2 * shared / (len(a) + len(b))
