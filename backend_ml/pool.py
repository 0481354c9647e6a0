"""All that a query strategy may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Compact = NDArray[np.float32] | NDArray[np.float64]
"""Of each of many tasks: single precision is enough to choose by, and half the size."""
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """Open tasks as the model sees them; row ``i`` of everything is the same task.

    What a model cannot tell is ``None``, and a strategy then does with the rest.
    Before there is a model every confidence is 0.
    """

    confidence: Vector
    """Shape (n_tasks,): the probability that the model's whole answer is right."""
    proba: Compact | None = None
    """Shape (n_tasks, n_classes), rows summing to 1: where one of several classes is chosen."""
    marginals: Compact | None = None
    """Shape (n_tasks, n_labels), each in [0, 1]: where any number of labels may be right."""
    hesitation: Vector | None = None
    """Shape (n_tasks,), in [0, 1]: how torn the model is between two answers, where it says so
    beside its probabilities. For spans, one minus the smallest gap between the two best tags of
    a token."""
    disorder: Vector | None = None
    """Shape (n_tasks,), not negative: for spans, the mean entropy of a token's tags, in nats."""
    cardinality: float | None = None
    """How many labels an accepted answer has on average, where any number may be right."""
    describe: Callable[[Positions], Matrix] | None = None
    """Rows of unit length (or zero) for some tasks: close rows are like texts. May be slow,
    so a strategy asks for as few as it needs."""
    answered: Callable[[], Matrix] | None = None
    """Rows as of ``describe`` for tasks that have been answered, some thousand at most."""
    labelled: int = 0
    """How many tasks have been answered."""
    seen: int = 0
    """How many of the classes have been answered at least once."""
    classes: int = 0
    """How many classes there are to be seen; 0 where they cannot be listed."""

    def __post_init__(self) -> None:
        rows = (self.proba, self.marginals, self.hesitation, self.disorder)
        for one in rows:
            if one is not None and len(one) != len(self.confidence):
                raise ValueError(f"{len(one)} rows for {len(self.confidence)} tasks")

    def __len__(self) -> int:
        return len(self.confidence)

    def take(self, positions: Positions) -> Pool:
        """The pool of these tasks alone, in this order."""
        index = np.asarray(positions, dtype=np.int64)

        def rows(values: Any) -> Any:
            return None if values is None else values[index]

        describe = self.describe
        return replace(
            self,
            confidence=self.confidence[index],
            proba=rows(self.proba),
            marginals=rows(self.marginals),
            hesitation=rows(self.hesitation),
            disorder=rows(self.disorder),
            describe=None if describe is None else lambda some: describe(index[some]),
        )
