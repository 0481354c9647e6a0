"""Agreement of written texts: how much of the one must be rewritten to get the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark

SAME_FROM = 1.0
BY_CHARACTER = 500
"""Texts up to this long are compared by character, longer ones by word."""
MOST_WORDS = 1000
"""Of a long text; what follows does not change how close it is."""
UNEQUAL = 0.999
"""What different texts can reach at most, when they differ only behind the last word compared."""


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total similarity of the best one-to-one matching of texts, shared out over all.

    Two texts are ``1 - d / max(a, b)`` similar: ``d`` is the number of characters (of words,
    where one of them is longer than ``BY_CHARACTER``) to insert, delete or replace, ``a`` and
    ``b`` are their lengths in the same unit. Space and line breaks count as one blank.

    Returns
    -------
    float or None
        In [0, 1]; ``None`` when neither answer has a mark.

    References
    ----------
    Levenshtein (1966), Soviet Physics Doklady 10.
    """
    return _pairing.agreement(reference, candidate, closeness)


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; another text is a wrong label."""
    return _pairing.statement_differences(reference, candidate, closeness)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; 0 for another control or another place."""
    if one.bare == other.bare:
        return 1.0
    if not _pairing.same_subject(one, other):
        return 0.0
    return min(UNEQUAL, _similarity(*sorted((one.label, other.label))))


@lru_cache(maxsize=4096)
def _similarity(one: str, other: str) -> float:
    a: Sequence[str] = one
    b: Sequence[str] = other
    if max(len(one), len(other)) > BY_CHARACTER:
        a, b = one.split()[:MOST_WORDS], other.split()[:MOST_WORDS]
    longest = max(len(a), len(b))
    return 1.0 if longest == 0 else 1 - _distance(a, b) / longest


def _distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Edits from one sequence to the other, row by row.

    Insertions along a row are a running minimum: ``min over k <= j of (row[k] + j - k)``.
    """
    codes = {unit: code for code, unit in enumerate(dict.fromkeys([*one, *other]))}
    columns = np.array([codes[unit] for unit in other], dtype=np.int64)
    steps = np.arange(len(other) + 1)
    row: NDArray[np.int64] = steps.copy()
    for count, unit in enumerate(one, 1):
        changed = np.minimum(row[:-1] + (columns != codes[unit]), row[1:] + 1)
        row = np.concatenate(([count], changed))
        row = np.minimum.accumulate(row - steps) + steps
    return int(row[-1])
