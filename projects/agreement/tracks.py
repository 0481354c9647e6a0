"""Agreement of boxes that move through a video: overlap summed over all frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from projects.agreement import _pairing
from projects.agreement.base import Difference
from projects.vocabulary import Answer, Mark, Shape

SAME_FROM = 0.9
MOST_FRAMES = 20_000
"""Longer tracks are compared at this many moments, evenly spread."""


def agreement(reference: Answer, candidate: Answer) -> float | None:
    """Total overlap of the best one-to-one matching, shared out over all marks.

    Two tracks of one control and label are as close as the intersection over union of the
    volumes that their boxes sweep: ``sum(shared area) / sum(area of either)`` over all frames.
    Between two key frames a box moves evenly; rotation is left out.

    Returns
    -------
    float or None
        ``2 * sum(IoU) / (n_reference + n_candidate)``, in [0, 1]; ``None``
        when neither answer has a mark.

    References
    ----------
    Weinzaepfel, Harchaoui & Schmid (2015), Learning to track, ICCV: overlap in space and time.
    """
    return _pairing.agreement(reference, candidate, _pairing.of_regions(closeness))


def differences(reference: Answer, candidate: Answer) -> list[Difference]:
    """Every mark of both answers once; from 90% overlap on it is the same track."""
    return _pairing.region_differences(reference, candidate, closeness, same_from=SAME_FROM)


def closeness(one: Mark, other: Mark) -> float:
    """In [0, 1]; of what is no track, whether it is in the same place."""
    if one.shape is None or other.shape is None or one.shape == other.shape:
        return _pairing.same_place(one, other)
    if not one.shape.kind == other.shape.kind == "track":
        return 0.0
    first, second = sorted((one.shape, other.shape))
    return _overlap(first, second)


@lru_cache(maxsize=1024)
def _overlap(one: Shape, other: Shape) -> float:
    frames = [point[0] for point in (*one.points, *other.points)]
    count = int(min(MOST_FRAMES, max(frames) - min(frames) + 1))
    moments = np.linspace(min(frames), max(frames), count, dtype=np.float64)
    a, b = _boxes(one, moments), _boxes(other, moments)
    corner = np.maximum(a[:, :2], b[:, :2])
    far = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    shared = np.prod(np.clip(far - corner, 0, None), axis=1).sum()
    whole = np.prod(a[:, 2:], axis=1).sum() + np.prod(b[:, 2:], axis=1).sum() - shared
    return float(min(1.0, shared / whole)) if whole > 0 else 0.0


def _boxes(shape: Shape, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Left, top, width and height at each moment; no size where nothing is shown."""
    keys = np.array(shape.points, dtype=float)
    found = np.column_stack([np.interp(moments, keys[:, 0], keys[:, i]) for i in range(1, 5)])
    behind = np.searchsorted(keys[:, 0], moments, side="right") - 1
    shown = (behind >= 0) & (keys[np.clip(behind, 0, None), 5] > 0)
    shown |= np.isin(moments, keys[:, 0])
    shown &= (moments <= keys[-1, 0]) | (keys[-1, 5] > 0)
    found[~shown, 2:] = 0
    return found
