"""All that a query strategy may look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """Open tasks as the model sees them; row ``i`` of everything is the same task.

    ``confidence``, shape (n_tasks,), is the probability that the model's whole
    answer is right. ``proba``, shape (n_tasks, n_classes), is ``None`` where
    answers cannot be listed, as for spans.
    """

    confidence: Vector
    proba: Matrix | None = None

    def __post_init__(self) -> None:
        if self.proba is not None and len(self.proba) != len(self.confidence):
            raise ValueError(f"{len(self.proba)} rows for {len(self.confidence)} tasks")

    def __len__(self) -> int:
        return len(self.confidence)
