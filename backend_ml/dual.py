"""Coordinate ascent in the dual of a linear machine, for all its labels at once.

One step looks at one text: its distances from all borders are one small product, and
what the text holds at each border in the dual is set to the best value, all others
fixed. That can begin at nothing or go on where a fit ended; it leads to the same.

References
----------
Hsieh, Chang, Lin, Keerthi & Sundararajan (2008), ICML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

SLACK = 0.5
"""``1 / (2 C)`` with ``C = 1``: what the squared hinge adds to a text's length in the dual."""
PASSES_AT_THE_END = 5
"""Measured beside liblinear in learners/README.md."""
MOST_HELD = 60_000_000
"""Texts times labels that are gone over together: 240 MB, and as much again for the sides."""
FEW = 0.25
"""When so small a share of the borders moves, they are moved one by one."""


@dataclass
class Borders:
    """What an ascent changes in place: the borders, and what each text holds at each of them.

    Attributes
    ----------
    coefficients : array of float32, shape (n_inputs, n_labels)
    offsets : array of float32, shape (n_labels,)
    held : array of float32, shape (n_texts, n_labels)
        Not negative. The borders are what the texts hold, times sides and rows, summed.
    """

    coefficients: Floats
    offsets: Floats
    held: Floats


def nothing(rows: Any, labels: int) -> Borders:
    """Where an ascent over these rows begins if nothing was learned before."""
    return Borders(
        np.zeros((rows.shape[1], labels), dtype=np.float32),
        np.zeros(labels, dtype=np.float32),
        np.zeros((rows.shape[0], labels), dtype=np.float32),
    )


def sides(targets: NDArray[np.bool_]) -> Floats:
    """On which side of each border a text belongs: 1 or -1."""
    return np.where(targets, np.float32(1.0), np.float32(-1.0))


def holds(distances: NDArray[Any], signs: Floats) -> Floats:
    """What texts hold at the end of a fit: ``2 C`` times their hinge."""
    return np.asarray(np.maximum(0.0, 1.0 - signs * distances) / SLACK, dtype=np.float32)


def fit(
    rows: Any, targets: NDArray[np.bool_], last: Places, *, passes: int, seed: int
) -> tuple[Borders, Floats]:
    """Borders of all texts, and the distances that the ``last`` texts had before they came in.

    Parameters
    ----------
    rows : sparse float32, shape (n_texts, n_inputs)
    targets : shape (n_texts, n_labels)
    last : places of the texts that are learned at the end
    passes : over the others before that

    Returns
    -------
    Borders, array of shape (len(last), n_labels)

    Notes
    -----
    Texts are gone over together as far as memory allows (``MOST_HELD``), else part by
    part; what a part that is done holds stays as it is.
    """
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.setdiff1d(np.arange(len(targets)), last))
    size = max(1, MOST_HELD // max(1, targets.shape[1]))
    parts = [first[start : start + size] for start in range(0, len(first), size)]
    borders = nothing(rows, targets.shape[1])
    distances = np.zeros((len(last), targets.shape[1]), dtype=np.float32)
    for number, part in enumerate(parts, start=1):
        together = np.concatenate([part, last]) if number == len(parts) else part
        some, signs = rows[together], sides(targets[together])
        borders.held = np.zeros(signs.shape, dtype=np.float32)
        old, new = np.split(np.arange(len(together)), [len(part)])
        ascend(borders, some, signs, old, passes=passes, rng=rng)
        if len(new):
            distances = np.asarray(some[new] @ borders.coefficients + borders.offsets)
            ascend(borders, some, signs, new, passes=1, rng=rng)
        ascend(borders, some, signs, np.arange(len(together)), passes=PASSES_AT_THE_END, rng=rng)
    return borders, distances


def ascend(
    borders: Borders,
    rows: Any,
    signs: Floats,
    places: Places,
    *,
    passes: int,
    rng: np.random.Generator,
) -> None:
    """Go over the texts at these places, each time in another order.

    Parameters
    ----------
    rows : sparse float32, shape (n_texts, n_inputs)
    signs : shape (n_texts, n_labels)
        As of :func:`sides`.
    """
    coefficients, offsets, held = borders.coefficients, borders.offsets, borders.held
    lengths = np.asarray(rows.multiply(rows).sum(axis=1)).ravel() + 1.0 + SLACK
    steps = (1.0 / lengths).astype(np.float32).tolist()
    ends, columns, values = rows.indptr.tolist(), rows.indices, rows.data
    few = FEW * len(offsets)
    for _ in range(passes):
        for text in rng.permutation(places).tolist():
            at = slice(ends[text], ends[text + 1])
            own, weights, side, before = columns[at], values[at], signs[text], held[text]
            near = coefficients.take(own, axis=0)
            slope = side * (weights @ near + offsets) - 1.0 + SLACK * before
            wanted = np.maximum(before - steps[text] * slope, 0.0)
            change = (wanted - before) * side
            moved = change.nonzero()[0]
            if len(moved) < few:
                by = near.take(moved, axis=1) + weights[:, None] * change[moved]
                coefficients[own[:, None], moved] = by
            else:
                coefficients[own] = near + weights[:, None] * change
            offsets += change
            held[text] = wanted
